"""The kernels against the float64 reference: on a GPU where there is one, else interpreted."""

import os
import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

from torchcaps.ops import dynamic_routing, route, votes
from torchcaps.ops.routing import dynamic_triton, reference
from torchcaps.ops.routing.backend import Problem
from torchcaps.ops.routing.dynamic import Dynamic

GPU = torch.cuda.is_available()
if not GPU:  # Triton reads it when it is first imported
    os.environ.setdefault("TRITON_INTERPRET", "1")
pytest.importorskip("triton", reason="triton is not installed: the kernels cannot run")

DEVICE = "cuda" if GPU else "cpu"


@pytest.fixture(autouse=True)
def where_kernels_run() -> Iterator[None]:
    if GPU:
        yield
    else:
        with dynamic_triton.interpreted():
            yield


@pytest.fixture
def poisoned() -> Iterator[None]:
    """Every torch.empty is full of NaN: what no kernel wrote cannot pass."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(True, warn_only=True)  # and so fills what is empty
    assert torch.empty(3).isnan().all()
    yield
    torch.use_deterministic_algorithms(before)


class Case(NamedTuple):
    """A problem of dynamic routing, piece by piece."""

    u: Tensor
    weight: Tensor
    iterations: int
    bias: Tensor | None
    leaky: bool
    detach: bool

    @property
    def problem(self) -> Problem:
        options = {"bias": self.bias, "leaky": self.leaky, "detach": self.detach}
        return Problem(self.u, self.weight, Dynamic(iterations=self.iterations, **options))


def routed(p: Case) -> Tensor:
    return dynamic_triton.run(p.problem).poses


def plain(p: Case) -> Tensor:
    return reference.run(p.problem).poses


def problem(
    batch=3, children=7, parents=3, dim=5, child_dim=3, types=None,
    iterations=3, bias=True, leaky=False, detach=True, dtype=torch.float32, seed=0,
) -> Case:  # fmt: skip
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        x = torch.randn(shape, generator=generator).to(dtype)
        return x.to(DEVICE).requires_grad_()

    return Case(
        draw(batch, children, child_dim),
        draw(children if types is None else types, parents, dim, child_dim),
        iterations,
        draw(parents, dim) if bias else None,
        leaky,
        detach,
    )


def with_gradients(p: Case, run, seed=1) -> list[Tensor]:
    """Poses and the gradients of u, weight and bias, for one random gradient of the poses."""
    poses = run(p)
    towards = torch.randn(poses.shape, generator=torch.Generator().manual_seed(seed))
    leaves = [x for x in (p.u, p.weight, p.bias) if x is not None]
    grads = torch.autograd.grad(poses, leaves, towards.to(poses))
    return [poses.detach(), *grads]


def in_float64(p: Case) -> list[Tensor]:
    u, weight, bias = (
        None if x is None else x.detach().double().requires_grad_() for x in (p.u, p.weight, p.bias)
    )
    assert u is not None
    assert weight is not None

    def run(q: Case) -> Tensor:
        options = {"bias": q.bias, "leaky": q.leaky, "detach": q.detach}
        return dynamic_routing(votes(q.u, q.weight), q.iterations, **options).poses

    return with_gradients(Case(u, weight, p.iterations, bias, p.leaky, p.detach), run)


def assert_matches(p: Case, tolerance: float = 1e-5) -> None:
    assert dynamic_triton.refuses(p.problem) is None
    names = ("poses", "gradient of u", "gradient of weight", "gradient of bias")
    found, expected = with_gradients(p, routed), in_float64(p)
    for name, ours, right in zip(names, found, expected, strict=False):
        error = (ours.double() - right).norm() / right.norm()
        assert error < tolerance, f"{name}: relative error {error:.1e}"


@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize(
    "sizes",
    [
        {"detach": True},
        {"detach": False},
        {"detach": True, "leaky": True, "bias": False},
        {"detach": False, "leaky": True, "iterations": 2},
        {"iterations": 1, "detach": True},
        {"iterations": 1, "detach": False, "leaky": True},
        {"iterations": 4, "detach": False, "parents": 2, "bias": False},
        {"parents": 1, "detach": False},
        {"parents": 1, "leaky": True, "detach": False},
        {"batch": 1, "parents": 10, "dim": 16, "child_dim": 8, "iterations": 2},
        {"batch": 1, "children": 63, "parents": 2, "dim": 16, "child_dim": 8, "iterations": 2},
        {"batch": 17, "dim": 17, "child_dim": 1, "parents": 2, "detach": False, "iterations": 2},
        {"children": 14, "types": 2, "detach": False},
        {"children": 12, "types": 1, "detach": True, "leaky": True},
    ],
    ids=lambda sizes: ",".join(f"{name}={value}" for name, value in sizes.items()),
)
def test_poses_and_every_gradient_match_the_float64_reference(sizes: dict):
    assert_matches(problem(**sizes))


@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_float32(dtype: torch.dtype):
    p = problem(dtype=dtype, detach=False)
    assert_matches(p, tolerance=1e-2)
    assert [x.dtype for x in with_gradients(p, routed)] == [dtype] * 4


def test_mixed_dtypes_give_the_wider_one():
    p = problem()
    mixed = p._replace(u=p.u.detach().bfloat16().requires_grad_())
    found = with_gradients(mixed, routed)
    assert [x.dtype for x in found] == [torch.float32, torch.bfloat16, torch.float32, torch.float32]
    assert_matches(mixed, tolerance=1e-2)


def test_large_logits_do_not_overflow():
    p = problem()
    assert_matches(p._replace(u=(p.u.detach() * 100).requires_grad_()), tolerance=1e-4)


def test_strided_inputs_are_read_in_their_own_order():
    p = problem(bias=False)
    u, weight = (x.detach().transpose(0, 1).contiguous() for x in (p.u, p.weight))
    turned = p._replace(
        u=u.requires_grad_().transpose(0, 1), weight=weight.requires_grad_().transpose(0, 1)
    )
    assert not turned.u.is_contiguous()
    for ours, plain in zip(
        with_gradients(turned, routed),
        with_gradients(p, routed),
        strict=True,
    ):
        assert torch.equal(ours, plain)


def test_an_empty_batch_gives_no_poses_and_zero_gradients():
    poses, grad_u, grad_w, grad_bias = with_gradients(problem(batch=0), routed)
    assert poses.shape == (0, 3, 5)
    assert grad_u.shape == (0, 7, 3)
    assert not grad_w.any()
    assert not grad_bias.any()


def test_results_repeat_bit_by_bit():
    p = problem(batch=5, children=63 if not GPU else 1152, parents=2, iterations=2, detach=False)
    first, second = (with_gradients(p, routed) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("detach", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_pytorch_accepts_the_operator(detach: bool, bias: bool):
    p = problem(2, 3, 2, 2, 2, iterations=2, bias=bias)
    arguments = (p.u, p.weight, p.bias, p.iterations, True, detach)
    torch.library.opcheck(dynamic_triton.triton_route, arguments)


@pytest.mark.usefixtures("unchecked")
def test_torch_compile_keeps_the_kernels_in_one_graph():
    p = problem(2, 3, 2, 2, 2)

    def lengths_and_gradient(run) -> tuple[Tensor, Tensor]:
        found = run(p.u)
        (grad,) = torch.autograd.grad(found.sum(), p.u)
        return found.detach(), grad

    def lengths(u: Tensor) -> Tensor:
        chosen = p._replace(u=u * 2)
        assert dynamic_triton.refuses(chosen.problem) is None
        return routed(chosen).norm(dim=-1)

    compiled = torch.compile(lengths, fullgraph=True, backend="aot_eager")
    for ours, eager in zip(
        lengths_and_gradient(compiled), lengths_and_gradient(lengths), strict=True
    ):
        torch.testing.assert_close(ours, eager)


def test_torch_export_keeps_the_operator():
    p = problem(2, 3, 2, 2, 2)
    u, weight = p.u.detach(), p.weight.detach()

    class Layer(nn.Module):
        def forward(self, u: Tensor, weight: Tensor) -> Tensor:
            return routed(p._replace(u=u, weight=weight, bias=None))

    program = torch.export.export(Layer(), (u, weight))
    assert "torchcaps.triton_route" in str(program.graph)
    assert torch.equal(program.module()(u, weight), Layer()(u, weight))


def test_route_takes_the_kernels_when_told_to():
    p = problem()
    ours = route(p.u, p.weight, bias=p.bias, backend="triton")
    assert torch.equal(ours, routed(p))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"weight": torch.empty(7, 3, 65, 3)},
         "capsules have 65 dimensions and the kernels at most 64"),
        ({"u": torch.empty(2, 7, 3).double()},
         "it computes in float32 and there is torch.float64"),
        ({"bias": torch.empty(3, 5).double()},
         "it computes in float32 and there is torch.float64"),
        ({"bias": torch.empty(3, 5, device="meta")},
         "the children are on cpu and other tensors on meta"),
        ({"weight": torch.empty(7, 0, 5, 3)},
         "there are no parents, or capsules of no dimensions"),
        ({"weight": torch.empty(7, 65_536, 1, 1)},
         "at most 65,535 parents and 1,048,576 images; got 65536, 2"),
        ({"u": torch.empty(1, 1, 3).expand(1_000_000, 1_000, 3)},
         "a tensor holds 3,000,000,000 numbers and offsets have 32 bits"),
    ],
)  # fmt: skip
def test_what_the_kernels_cannot_take_is_refused(monkeypatch, change: dict, reason: str):
    monkeypatch.setattr(dynamic_triton, "_interpreting", True)
    plain = Case(torch.empty(2, 7, 3), torch.empty(7, 3, 5, 3), 3, None, False, True)
    assert dynamic_triton.refuses((plain).problem) is None
    assert dynamic_triton.refuses((plain._replace(**change)).problem) == reason


def test_tensors_off_the_gpu_are_refused_unless_interpreted(monkeypatch):
    monkeypatch.setattr(dynamic_triton, "_interpreting", False)
    plain = Case(torch.empty(2, 7, 3), torch.empty(7, 3, 5, 3), 3, None, False, True)
    assert dynamic_triton.refuses((plain).problem) == "it needs a GPU and the children are on cpu"


def test_a_missing_or_old_triton_is_a_reason(monkeypatch):
    check = dynamic_triton._no_triton
    monkeypatch.setitem(sys.modules, "triton", SimpleNamespace(__version__="3.5.1"))
    assert check() == "triton 3.5.1 is older than 3.6"
    monkeypatch.setitem(sys.modules, "triton", None)
    assert check() == "triton is not installed"


def test_kernels_compiled_for_a_gpu_are_not_interpreted(monkeypatch):
    monkeypatch.setenv("TRITON_INTERPRET", "0")
    with (
        pytest.raises(RuntimeError, match="set TRITON_INTERPRET=1 before Python starts"),
        dynamic_triton.interpreted(),
    ):
        pass


def test_importing_torchcaps_leaves_triton_alone():
    code = (
        "import sys, torchcaps.ops.routing.dynamic_triton; "
        "assert not {'triton', 'torch._dynamo'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


COMPILE_FOR_HOPPER = """
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from torchcaps.ops.routing import dynamic_triton_backward, dynamic_triton_forward

INTEGERS = {"B", "I", "T", "splits", "tiles", "works", "ROWS_J"}
TILE = dict(POSITIONS=1, LEAKY=0, J=10, D=16, E=8, PAD_D=16, PAD_E=8, BLOCK_B=64, BLOCK_I=8,
            PRECISION="tf32x3", MODE="changed", UNIFORM=False, THROUGH=True, ADD=True,
            HAS_BIAS=True, FIRST=False, LAST=False, HAS_PARTIAL=True,
            SPLITS=12, PAD_S=16, BLOCK_R=16)
forward, backward = dynamic_triton_forward, dynamic_triton_backward
for kernel in (forward.normaliser, forward.weighted_sum, forward.squash_parents,
               backward.squash_grad, backward.child_grad, backward.weight_grad):
    names = kernel.arg_names
    kinds = {n: "constexpr" if n in TILE else "i32" if n in INTEGERS else "*fp32" for n in names}
    constants = {(names.index(n),): TILE[n] for n in names if n in TILE}
    source = ASTSource(kernel, kinds, constants)
    compiled = triton.compile(source, target=GPUTarget("cuda", 90, 32), options={"num_warps": 4})
    assert compiled.metadata.shared <= 227 * 1024, (kernel, compiled.metadata.shared)
    print(compiled.metadata.name)
"""


def test_every_kernel_compiles_for_a_gpu_that_is_not_there(tmp_path):
    found = subprocess.run(
        [sys.executable, "-c", COMPILE_FOR_HOPPER],
        env={**os.environ, "TRITON_INTERPRET": "0", "TRITON_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stderr
    assert len(found.stdout.split()) == 6


@pytest.mark.parametrize("detach", [True, False])
def test_gradients_of_gradients_are_those_of_the_plain_path(detach):
    p = problem(detach=detach)
    seconds = []
    for run in (routed, plain):
        (first,) = torch.autograd.grad(run(p).square().sum(), p.u, create_graph=True)
        seconds += torch.autograd.grad(first.square().sum(), p.weight)
    torch.testing.assert_close(*seconds, rtol=1e-3, atol=1e-4)


def test_a_tangent_is_not_dropped():
    p = problem()
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(p.weight, torch.ones_like(p.weight))
        assert "forward-mode" in str(dynamic_triton.refuses((p._replace(weight=dual)).problem))


def test_votes_whose_square_is_no_number_are_no_nan():
    p = problem(bias=False)
    p = p._replace(u=(p.u.detach() * 1e22).requires_grad_())
    for ours, right in zip(with_gradients(p, routed), in_float64(p), strict=False):
        assert ours.isfinite().all()
        assert (ours.double() - right).norm() <= 1e-3 * right.norm()
