"""Texts that quote studies are filled in from what was measured."""

import importlib
import json
import re
from pathlib import Path

import pytest

from torchcaps.studies.results import Results

ROOT = Path(__file__).parents[2]


@pytest.fixture
def studies(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module("studies")


def iterations(**changed):
    """The text of a results.json; a metric that is changed to None was not measured."""
    found, names = Results(), {1: "1 iteration", 3: "3 iterations", 10: "10 iterations"}
    for r, name in names.items():
        for metric in ("accuracy", "entropy", "polarisation", "dynamism"):
            for condition in ("", 2, 10):
                if changed.get(metric, 0) is not None:
                    found.add(name, metric, (r - 0.1, r + 0.1), condition)
        for by in ("uniform", "mean", "random"):
            found.add(f"{name}, {by} couplings", "accuracy", (r + 20.0, r + 20.0))
    about = {"study": "iterations", "settings": {"model": "capsnet_small", "seeds": 2}}
    return json.dumps({**about, "models": {n: {} for n in names.values()}, **found.as_json()})


def test_every_marked_part_has_a_block_and_every_block_a_part(studies):
    blocks = studies.templates().get_template("studies.md.j2").blocks
    texts = "".join((ROOT / path).read_text() for path in studies.TEXTS)
    assert sorted(name for _, name, _ in studies.MARKED.findall(texts)) == sorted(blocks)
    assert {name.split("_")[0] for name in blocks} == set(studies.FOLDERS)


def test_marked_parts_of_the_study_are_renewed_and_nothing_else(studies):
    text = (ROOT / studies.TEXTS[1]).read_text()
    after = studies.filled(text, "iterations", studies.words(iterations()))
    assert "A network with 3 iterations is ahead of 1 iteration and behind 10 iterations." in after
    assert "it has 23.0 % with uniform couplings" in after
    outside = re.compile(r"(<!-- iterations_words: begin -->).*?(<!-- iterations_w)", re.DOTALL)
    assert outside.sub(r"\1\2", after) == outside.sub(r"\1\2", text)
    assert studies.filled(after, "iterations", studies.words(iterations())) == after


def test_a_number_that_was_not_measured_is_an_error(studies):
    text = (ROOT / studies.TEXTS[1]).read_text()
    with pytest.raises(ValueError, match="expected dynamism of 3 iterations in ''; got none"):
        studies.filled(text, "iterations", studies.words(iterations(dynamism=None)))


def test_routings_are_grouped_by_the_rule_of_all_studies(studies):
    found, names = Results(), ("dynamic", "em", "uniform", "random")
    for lost, condition in enumerate(("0", "-30", "30", "affine")):
        for name, upright in zip(names, (98.0, 99.0, 98.1, 97.0), strict=True):
            found.add(name, "accuracy", (upright - lost - 0.2, upright - lost + 0.2), condition)
    for name in names:
        found.add(name, "step_ms", (5.0, 6.0))
        found.add(name, "peak_mb", (12.0, 12.0))
        found.add(name, "entropy", (0.9, 0.9))
    settings = {"model": "capsnet_small", "data": "digits", "seeds": 2, "batch_size": 64}
    about = {"study": "routing", "command": "torchcaps study routing", "settings": settings}
    models = {name: {"parameters": 1234} for name in names}
    known = studies.words(json.dumps({**about, "models": models, **found.as_json()}))
    gallery, readme = (
        studies.filled((ROOT / path).read_text(), "routing", known) for path in studies.TEXTS
    )
    assert "1 of 2 are ahead of uniform couplings" in gallery
    assert "- Upright, 1 of 2 are ahead (`em`), 1 level, 0 behind.\n- Rotated by -30" in readme
    assert (
        "\n| `em` | 99.0 ± 0.3 | 98.0 ± 0.3 | 97.0 ± 0.3 | 96.0 ± 0.3 | 1,234 | 5.5 ± 0.7 | "
        "12.0 ± 0.0 | 0.900 ± 0.000 |\n| `uniform` |"
    ) in readme
