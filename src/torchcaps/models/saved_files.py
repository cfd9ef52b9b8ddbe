"""The two files of a saved model, which may come from anyone: read with suspicion."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from safetensors import SafetensorError, safe_open
from torch import Tensor

from torchcaps.files import read_short
from torchcaps.options import check_types
from torchcaps.quoting import cut, listed, quote

# What a model was given by its training data, and by fits on the validation images.
LEARNT = ("classes", "task", "gain", "offset", "thresholds")
BASIC = ("model", "in_shape", "num_classes", *LEARNT)  # the rest are options
_LARGEST_HEADER = 10_000_000  # bytes; a hundred times that of the largest model


@dataclass
class _Config:
    """The types of `BASIC`; `create_model` checks the others."""

    model: str
    in_shape: tuple[int, ...]
    num_classes: int
    classes: list[str] | None
    task: Literal["classes", "multilabel", "segmentation"] | None
    gain: float | None
    offset: float | None
    thresholds: list[float] | None


def read_config(path: Path) -> dict[str, Any]:
    """What a config.json says. Raises a `ValueError` where that is no model."""
    try:
        config = json.loads(read_short(path))
    except (ValueError, RecursionError):
        config = None
    if not isinstance(config, dict) or not {*BASIC[:3]} <= set(config):
        raise ValueError(
            f"load_model, {path}: expected JSON with model, in_shape and num_classes; "
            "got something else; it is not a configuration that torchcaps wrote"
        )
    check_types(f"load_model, {path}", _Config, {name: config.get(name) for name in BASIC})
    if config.get("classes") and len({*config["classes"]}) != config["num_classes"]:
        raise ValueError(
            f"load_model, {path}, classes: expected {config['num_classes']} different names; got "
            f"{listed(config['classes'])}; correct config.json"
        )
    if config.get("thresholds") and len(config["thresholds"]) != config["num_classes"]:
        raise ValueError(
            f"load_model, {path}, thresholds: expected {config['num_classes']}, one for each class;"
            f" got {len(config['thresholds'])}; correct config.json"
        )
    return config


def read_weights(path: Path, wanted: Mapping[str, Sequence[int]], what: str) -> dict[str, Tensor]:
    """The tensors of a safetensors file of `wanted` names and shapes, which are those of `what`;
    a `ValueError` before one is read where the file is damaged or has others."""
    try:
        with open(path, "rb") as head:
            if int.from_bytes(head.read(8), "little") > _LARGEST_HEADER:
                raise SafetensorError("its header says that it is larger than any model's")
        with safe_open(path, framework="pt") as file:
            names = {plain_name(name): name for name in file.keys()}  # noqa: SIM118 (not a mapping)
            if not {*names} & {*wanted}:  # saved from a wrapper
                names = {name.removeprefix("module."): saved for name, saved in names.items()}
            shapes = {name: file.get_slice(saved).get_shape() for name, saved in names.items()}
            differing = _difference(shapes, wanted)
            if not differing:
                return {name: file.get_tensor(saved) for name, saved in names.items()}
    except SafetensorError as error:
        raise ValueError(
            f"load_model, {path}: expected a whole safetensors file; got one that cannot "
            f"be read ({cut(error)}); copy it again, or take another checkpoint of the run"
        ) from None
    raise ValueError(
        f"load_model, {path}: expected the weights of {what}; got "
        f"others ({differing}); the config.json beside it belongs to another model"
    )


def _difference(found: Mapping[str, Sequence[int]], wanted: Mapping[str, Sequence[int]]) -> str:
    missing, unknown = sorted({*wanted} - {*found}), sorted({*found} - {*wanted})
    if missing or unknown:
        return f"missing: {listed(missing) or 'none'}; unknown: {listed(unknown) or 'none'}"
    for name, shape in wanted.items():
        if list(shape) != list(found[name]):
            return f"size mismatch: {name} has {quote(found[name])} in place of {[*shape]}"
    return ""


def plain_name(name: str) -> str:
    """The name of a weight without what `torch.compile` of a layer adds."""
    return name.replace("_orig_mod.", "")
