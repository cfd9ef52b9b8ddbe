"""Studies by name: an experiment from data to report. Listing them imports none of them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from torchcaps.lazy import imported
from torchcaps.registry import Registry


class Finding(NamedTuple):
    """What a study ends with: its table as text, and the path of its report."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    report: Path


class Study(NamedTuple):
    """options: a dataclass of what a person may set.
    run: `(options, folder, quiet, device) -> finding`; models are trained and tested on `device`.
    check: raises a `ValueError` for options that `run` would trip over, before a file is touched.
    """

    options: type[Any]
    check: Callable[[Any], object]
    run: Callable[[Any, Path, bool, str], Finding]


STUDIES: Registry[Study] = Registry("study")
# Name: the module whose STUDY it is, imported when the study is asked for; what the study is.
for _name, (_module, _about) in {
    "detection": (
        "torchcaps.studies.detection.study",
        "does a poor reconstruction reveal adversarial and out-of-distribution images?",
    ),
    "faces": (
        "torchcaps.studies.faces.study",
        "trained on whole objects, tested on scrambled ones: are the places of parts known?",
    ),
    "equivariance": (
        "torchcaps.studies.equivariance.study",
        "do poses rotate with the image, and can its angle be read from them?",
    ),
    "iterations": (
        "torchcaps.studies.iterations.study",
        "trained with 1 to 10 routing iterations, tested with 1 to 10: why three?",
    ),
    "routing": (
        "torchcaps.studies.routing.study",
        "one network under every routing algorithm and none: what does routing buy?",
    ),
    "rotation": (
        "torchcaps.studies.rotation.study",
        "trained on upright images, tested on rotated ones: capsules against a CNN",
    ),
}.items():
    STUDIES.add_lazy(_name, _about, lambda module=_module: imported(f"{module}:STUDY"))
