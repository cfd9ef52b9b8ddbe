"""What the network itself misses of its promise, and what a step of it costs."""

import torch
from torch import Tensor

import torchcaps as tc
from timing import Call, times
from torchcaps.analysis.representation.equivariance_error import equivariance_errors
from torchcaps.data.transforms import rotate
from torchcaps.models import EquivariantCapsNet

SIZE, STROKES, DRAWINGS = 28, 5, 64


def layer_errors() -> dict[str, object]:
    """By n, angle and layer, of untrained weights in float64: drawings drawn anew at the angle (the
    network's own error), the same turned by interpolation, and MNIST digits, so turned."""
    digits, _ = tc.load_dataset("mnist", split="validation").batch(torch.arange(DRAWINGS))
    table = []
    for n in (8, 16):
        torch.manual_seed(0)
        model = tc.create_model("equivariant_capsnet", (1, SIZE, SIZE), 10, n=n, decoder="none")
        assert isinstance(model, EquivariantCapsNet)
        model.double().eval()
        exact = equivariance_errors(model, drawings(0), torch.rot90(drawings(0), 1, (2, 3)), 90)
        assert max(exact.values()) < 1e-10, exact
        for degrees in dict.fromkeys((360 / n, 45.0, 180 / n)):
            pairs = {
                "drawn anew": (drawings(0), drawings(degrees)),
                "drawing interpolated": (drawings(0), rotate(drawings(0), degrees)),
                "digits interpolated": (digits.double(), rotate(digits.double(), degrees)),
            }
            columns = {
                name: equivariance_errors(model, *pair, degrees) for name, pair in pairs.items()
            }
            for layer in exact:
                row = {"n": n, "degrees": degrees, "layer": layer}
                table.append(row | {name: column[layer] for name, column in columns.items()})
                print(*(f"{v:.4f}" if isinstance(v, float) else v for v in table[-1].values()))
    return {"table": table}


def drawings(degrees: float) -> Tensor:
    """Strokes as wide and as soft as those of digits, turned before they are drawn."""
    generator = torch.Generator().manual_seed(0)
    ends = torch.randn(DRAWINGS, STROKES, 2, 2, generator=generator).double() * 4
    angle = torch.deg2rad(torch.tensor(degrees, dtype=torch.float64))
    turn = torch.stack([angle.cos(), angle.sin(), -angle.sin(), angle.cos()]).view(2, 2)
    (ax, ay), (bx, by) = (
        (ends @ turn).unbind(2)[0].unbind(-1),
        (ends @ turn).unbind(2)[1].unbind(-1),
    )
    across = torch.arange(SIZE, dtype=torch.float64) - (SIZE - 1) / 2
    x, y = across, -across[:, None]
    ax, ay, bx, by = (v[..., None, None] for v in (ax, ay, bx, by))
    along = ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2)
    along = along.clamp(0, 1)
    distance = (x - ax - along * (bx - ax)) ** 2 + (y - ay - along * (by - ay)) ** 2
    return torch.exp(-distance / 2).amax(1, keepdim=True)


def step_times() -> dict[str, object]:
    """A training step of batch 64, in turns with that of the plain capsnet; losses are finite."""
    calls: dict[str, Call] = {name: make_step(name) for name in ("capsnet", "equivariant_capsnet")}
    for name, call in calls.items():
        assert torch.isfinite(torch.as_tensor(call())), name
    rows = times(calls, rounds=12)
    ratio = rows["equivariant_capsnet"]["ms_least"] / rows["capsnet"]["ms_least"]
    print(rows, f"ratio of the minima {ratio:.2f}")
    return {"threads": torch.get_num_threads(), "rows": rows, "ratio": ratio}


def make_step(name: str) -> Call:
    torch.manual_seed(0)
    model = tc.create_model(name, (1, SIZE, SIZE), 10)
    loss, optimizer = model.make_loss(), torch.optim.Adam(model.parameters(), fused=True)
    images, labels = torch.rand(64, 1, SIZE, SIZE), torch.randint(0, 10, (64,))

    def step() -> Tensor:
        optimizer.zero_grad(set_to_none=True)
        value = loss(model(images, labels), images, labels)
        value.backward()
        optimizer.step()
        return value.detach()

    return step
