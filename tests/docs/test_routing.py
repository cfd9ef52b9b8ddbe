"""The page on routing: its table is the registry, its Python runs, its own algorithm is one."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
import torch

import torchcaps as tc
from torchcaps.nn import ROUTINGS
from torchcaps.ops.routing import tiles

TEXT = (Path(__file__).parents[2] / "docs" / "routing.md").read_text()
SCRIPT = "".join(re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL))


def rows(heading):
    """The cells of the table below a heading, without its two head lines."""
    part = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.fixture
def page(monkeypatch):
    """What the page's Python leaves behind; what it registers is forgotten afterwards."""
    for table in ("_entries", "_abouts"):
        monkeypatch.setattr(ROUTINGS, table, dict(getattr(ROUTINGS, table)))
    torch.manual_seed(0)
    names = {}
    exec(SCRIPT, names)
    return names


def test_the_table_has_every_routing_and_what_it_is():
    table = {cells[0].strip("`"): cells[1:] for cells in rows("The routings")}
    assert list(table) == list(ROUTINGS)
    for name, (source, iterations, learns, _, scores, reads, sums) in table.items():
        kind = ROUTINGS[name]
        assert source.split()[-1] in ROUTINGS.about(name)
        layer = tc.nn.DenseCapsules(6, 4, 3, 5, routing=name)
        assert int(iterations) == layer.iterations
        assert scores == kind.score_kind
        assert all(word in reads for word in kind.algorithm_class.needs)
        assert sums.startswith(layer.routing.algorithm().sums_over or "parents, before")
        own = [] if "see" in learns else [x for x, _ in layer.routing.named_parameters()]
        assert all(f"`{parameter}" in learns for parameter in own)


def test_the_contract_is_told_in_its_order():
    told = [cells[0].strip("`").partition("(")[0] for cells in rows("The contract")]
    assert set(told) == {"agree", *tc.ops.Algorithm.__abstractmethods__}


def test_the_python_runs_and_shapes_are_as_it_says(page):
    assert page["found"].history.shape == (3, 4, 32, 10)
    assert page["poses"].shape == (4, 10, 16)
    assert page["scores"].shape == (4, 5)
    assert len(fields(page["Nearest"])) == 2
    assert "nearest" in ROUTINGS


def test_it_is_forgotten():
    assert "nearest" not in ROUTINGS


def test_ones_own_algorithm_routes_on_both_engines(page, monkeypatch):
    monkeypatch.setattr(tiles, "CPU_BUDGET", 500)
    layer = tc.nn.DenseCapsules(13, 3, 3, 5, routing="nearest").double()
    generator = torch.Generator().manual_seed(0)
    u = torch.randn(2, 13, 3, generator=generator, dtype=torch.float64)
    mask = torch.rand(2, 13, generator=generator) < 0.8
    found = []
    for engine in ("whole", "tiled"):
        layer.backend = engine
        leaf = u.clone().requires_grad_()
        poses = layer(leaf, mask=mask)
        grads = torch.autograd.grad(poses.square().sum(), [leaf, *layer.parameters()])
        assert all(grad.any() for grad in grads)
        found.append([poses, *grads])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)
    assert 0.3 < layer.route(u / u.norm(dim=-1, keepdim=True) / 2).activations.mean() < 0.9


def test_ones_own_algorithm_trains_in_a_capsnet_on_both_engines(page):
    images = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    labels = torch.tensor([0, 3, 9, 3])
    model = page["model"].eval()
    found = []
    for engine in ("whole", "tiled"):
        model.capsules.backend = engine
        model.zero_grad()
        out = model(images, labels)
        model.make_loss()(out, images, labels).backward()
        found.append([out.scores, *(p.grad for p in model.parameters())])
        assert model.capsules.routing.sharpness.grad.any()
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)
    assert model.explain(images).couplings.shape[0] == 3
