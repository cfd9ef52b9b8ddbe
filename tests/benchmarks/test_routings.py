"""The textbook that every routing is timed beside computes the same, and a wrong one is found."""

import importlib
from pathlib import Path

import pytest
import torch

from torchcaps.nn import ROUTINGS, DenseCapsules

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.parametrize("routing", ROUTINGS)
def test_the_textbook_is_the_same_routing(routing, monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    routings = importlib.import_module("routings")
    torch.manual_seed(0)
    layer = DenseCapsules(12, 4, 3, 5, routing=routing).eval()
    u = torch.randn(4, 12, 4) / 4
    assert routings.error(layer, u, "textbook") < 1e-4
    book = importlib.import_module("textbook").TEXTBOOK
    name = type(layer.routing.algorithm()).__name__
    right = book[name]
    monkeypatch.setitem(book, name, lambda p, votes, a, u: right(p, 1.01 * votes, a, u))
    assert routings.error(layer, u, "textbook") > 1e-3
