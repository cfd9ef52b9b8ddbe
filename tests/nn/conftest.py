"""What the tests of every routing share: layers of any routing, and the engine that cuts."""

from collections.abc import Callable
from typing import Any, Literal, get_args, get_origin

import pytest
import torch
from torch import Tensor

from torchcaps.nn import ROUTINGS, DenseCapsules
from torchcaps.ops.routing import tiled


@pytest.fixture(params=list(ROUTINGS))
def routing(request: pytest.FixtureRequest) -> str:
    """Every registered routing."""
    return request.param


@pytest.fixture
def variants(routing: str) -> list[dict[str, Any]]:
    """Options of this routing: as they are, and each switch and word in turn."""
    found: list[dict[str, Any]] = [{}]
    for name, hint in ROUTINGS[routing].known_options().items():
        words = (
            (False, True) if hint is bool else get_args(hint) if get_origin(hint) is Literal else ()
        )
        found += [{name: word} for word in words]
    return found


@pytest.fixture
def build() -> Callable[..., DenseCapsules]:
    """`build(routing, I, E, J, D, **options)`: a layer in float64 with parameters and buffers away
    from where they start, and gradients by the couplings."""

    def make(
        routing: str, children: int, dim: int, parents: int, out: int, **options: Any
    ) -> DenseCapsules:
        torch.manual_seed(0)
        if not ROUTINGS[routing].casts_votes:  # it has no transforms to share
            options.pop("positions", None)
        layer = DenseCapsules(children, dim, parents, out, routing=routing, **options).double()
        for x in [*layer.parameters(), *layer.buffers()]:
            if x.is_floating_point():
                x.data += 0.3 * torch.rand_like(x)
        layer.routing.detach = False
        return layer.eval()

    return make


@pytest.fixture
def tiles(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Small tiles; how many each routing was cut into."""
    counts, cut = [], tiled.cut

    def counted(*arguments: Any) -> tuple[list[slice], list[slice]]:
        rows, of_children = cut(*arguments)
        counts.append(len(of_children))
        return rows, of_children

    monkeypatch.setattr("torchcaps.ops.routing.tiles.CPU_BUDGET", 500)
    monkeypatch.setattr(tiled, "cut", counted)
    return counts


@pytest.fixture
def children() -> Callable[..., tuple[Tensor, Tensor]]:
    """`children(B, I, E)`: poses and activations in (0, 1), float64."""

    def draw(batch: int, number: int, dim: int) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(1)
        u = torch.randn(batch, number, dim, generator=generator, dtype=torch.float64)
        a = torch.rand(batch, number, generator=generator, dtype=torch.float64)
        return u, 0.1 + 0.8 * a

    return draw
