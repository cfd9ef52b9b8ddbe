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
