"""The door: which path is taken, what is said about it, and that all paths agree."""

import math
import re
import subprocess
import sys
import warnings
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from torchcaps.ops import list_backends, route, route_children
from torchcaps.ops.routing import dynamic_chunked
from torchcaps.ops.routing.backend import BACKENDS, Backend, Problem
from torchcaps.ops.routing.dynamic import Dynamic
from torchcaps.ops.routing.route import ENGINES, FASTEST_FIRST, choose

LARGE, SMALL = (16, 300, 10, 16, 8), (2, 7, 3, 5, 4)


class Case(NamedTuple):
    u: Tensor
    weight: Tensor
    bias: Tensor


def problem(sizes, dtype=torch.float32) -> Case:
    batch, children, parents, dim, child_dim = sizes
    u = torch.randn(batch, children, child_dim, dtype=dtype)
    weight = 0.1 * torch.randn(children, parents, dim, child_dim, dtype=dtype)
    return Case(u, weight, torch.randn(parents, dim, dtype=dtype))


class Routing(nn.Module):
    def __init__(self, p: Case) -> None:
        super().__init__()
        self.weight = nn.Parameter(p.weight)

    def forward(self, u):
        return route(u, self.weight)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("sizes", "name"),
    [
        (LARGE, "chunked"),
        (SMALL, "reference"),
        ((1, 1152, 10, 16, 8), "reference"),  # each transform used once: cutting does not pay
        ((0, 1152, 10, 16, 8), "reference"),
    ],
)
def test_auto_takes_the_fastest_path_on_a_cpu_and_has_nothing_to_say(sizes, name, monkeypatch):
    p = problem(sizes)
    taken = []
    for path in FASTEST_FIRST:
        run = BACKENDS[path].run
        spy = BACKENDS[path]._replace(
            run=lambda q, path=path, run=run: (taken.append(path), run(q))[1]
        )
        monkeypatch.setitem(BACKENDS._entries, path, spy)
    poses = route(p.u, p.weight, bias=p.bias)
    assert taken == [name]
    assert poses.shape == (sizes[0], sizes[2], sizes[3])


@pytest.mark.parametrize(("sizes", "name"), [(LARGE, "chunked"), (SMALL, "reference")])
def test_masked_children_take_the_fast_paths_of_dynamic_routing_too(sizes, name, monkeypatch):
    p = problem(sizes)
    mask = torch.rand(p.u.shape[:2]) > 0.3
    expected = route_children(Dynamic(bias=p.bias), p.u, p.weight, mask=mask, backend="whole")
    for other in {*BACKENDS} - {name}:
        run = lambda _, other=other: pytest.fail(f"{other} was run")  # noqa: E731
        monkeypatch.setitem(BACKENDS._entries, other, BACKENDS[other]._replace(run=run))
    spoiled = p.u.masked_fill(~mask.unsqueeze(-1), math.nan)
    found = route_children(Dynamic(bias=p.bias), spoiled, p.weight, mask=mask)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("sizes", [LARGE, SMALL])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_every_path_of_a_cpu_gives_the_same(sizes, dtype):
    p = problem(sizes, dtype)
    chunked, reference = (
        route(p.u, p.weight, bias=p.bias, backend=name) for name in ("chunked", "reference")
    )
    assert chunked.dtype == dtype
    if dtype == torch.float32:
        torch.testing.assert_close(chunked, reference)
    else:
        torch.testing.assert_close(chunked, reference, atol=5e-3, rtol=1e-2)


@pytest.mark.parametrize("name", ["auto", "chunked", "reference"])
def test_autocast_leaves_routing_in_float32(name):
    p = problem(LARGE)
    u = p.u.requires_grad_()
    plain = route(u, p.weight, backend=name)
    with torch.autocast("cpu", torch.bfloat16):
        autocast = route(u, p.weight, backend=name)
    assert torch.equal(autocast, plain)
    grads = (torch.autograd.grad(poses.sum(), u)[0] for poses in (autocast, plain))
    assert torch.equal(*grads)


def test_a_faster_path_that_refuses_is_mentioned_once(monkeypatch):
    broken = Backend(refuses=lambda _: "it is Sunday", run=lambda _: pytest.fail("was run"))
    monkeypatch.setitem(BACKENDS._entries, "chunked", broken)
    p = problem(LARGE)
    with pytest.warns(UserWarning, match="^routing without the chunked path: it is Sunday$"):
        route(p.u, p.weight)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        route(p.u, p.weight)


def test_paths_are_listed_and_all_are_tried():
    assert set(list_backends()) == {*FASTEST_FIRST, *ENGINES}
    assert FASTEST_FIRST[-1] == "reference"


def test_importing_torchcaps_imports_no_triton():
    code = "import sys, torchcaps; assert 'triton' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_named_path_that_refuses_says_why():
    p = problem(SMALL)
    with pytest.raises(
        ValueError, match=r"^route, backend: .* got 'triton', which refuses: it needs a"
    ):
        route(p.u, p.weight, backend="triton")
    nothing = p._replace(u=p.u[:, :0])
    with pytest.raises(ValueError, match="there are no children, no parents, or"):
        choose(Problem(nothing.u, nothing.weight, Dynamic()), "chunked")
    assert route(nothing.u, p.weight).abs().max() == 0
    with pytest.raises(ValueError, match=r"unknown routing backend .* did you mean 'chunked'"):
        route(p.u, p.weight, backend="chunkd")


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"u": torch.zeros(2, 7)}, "route, u: expected children [B, I, E]; got shape (2, 7)"),
        ({"weight": torch.zeros(7, 3, 5)}, "route, weight: expected transforms [I, J, D, E]; got"),
        (
            {"u": torch.zeros(2, 8, 4)},
            "route, u: expected [B, 7 (or a multiple of it), 4] to fit weight (7, 3, 5, 4); "
            "got (2, 8, 4); build the layer for this number and size of children",
        ),
        (
            {"weight": torch.zeros(7, 3, 5, 4, device="meta")},
            "route, weight: expected the children's device cpu; got meta; move both to one device",
        ),
        (
            {"bias": torch.zeros(3, 5, device="meta")},
            "route, bias: expected the children's device cpu; got meta; move both to one device",
        ),
        ({"bias": torch.zeros(5, 3)}, "route, bias: expected one vector per parent, shape (3, 5)"),
        ({"iterations": 0}, "route, iterations: expected a whole number, at least 1; got 0"),
        ({"iterations": 2.0}, "at least 1; got 2.0"),
    ],
)
def test_what_cannot_be_routed_says_why(change, text):
    p = problem(SMALL)
    with pytest.raises(ValueError, match=re.escape(text)):
        route(**{"u": p.u, "weight": p.weight, **change})


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_exported_program_holds_pytorchs_own_operations_and_takes_any_batch():
    module = Routing(problem(LARGE)).eval()
    dynamic = ({0: torch.export.Dim.DYNAMIC},)
    program = torch.export.export(module, (problem(LARGE).u,), dynamic_shapes=dynamic)
    targets = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    assert not any("torchcaps" in name for name in targets)
    for batch in (1, 5, 40):
        u = problem((batch, *LARGE[1:])).u
        torch.testing.assert_close(program.module()(u), module(u))


@pytest.mark.usefixtures("unchecked")  # shape checks cannot be compiled
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_a_compiled_graph_is_whole_takes_any_batch_and_keeps_the_path(backend):
    module = Routing(problem(LARGE))
    compiled = torch.compile(module, fullgraph=True, backend=backend, dynamic=True)
    for batch in (16, 23, 40):
        u = problem((batch, *LARGE[1:])).u.requires_grad_()
        found, expected = compiled(u), module(u)
        torch.testing.assert_close(found, expected)
        grads = torch.autograd.grad(found.sum(), u), torch.autograd.grad(expected.sum(), u)
        torch.testing.assert_close(*grads)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(("keep", "detach"), [(True, True), (False, True), (False, False)])
def test_the_operator_keeps_pytorchs_rules(keep, detach):
    u, weight, bias = (
        torch.randn(shape, requires_grad=True) for shape in ((3, 12, 4), (6, 3, 5, 4), (3, 5))
    )
    arguments = (u, weight, bias, 3, True, detach, keep)
    torch.library.opcheck(dynamic_chunked.chunked_route, arguments)
