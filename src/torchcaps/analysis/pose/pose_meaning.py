"""Which visual quantity each dimension of a pose moves, measured on what the decoder draws."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from torchcaps.analysis.eval_mode import eval_mode, require
from torchcaps.analysis.pose.perturbation import OFFSETS, move
from torchcaps.analysis.pose.shape import PERIOD, QUANTITIES, measure_shape
from torchcaps.models import Model
from torchcaps.ops import select_capsule

# A quantity that varies by less than this share of itself, or of its unit where it is smaller than
# that, is taken for constant: models draw in float32, whose rounding differs between processors
# and moves quantities by about 1e-6.
ROUNDING = 1e-4
# One pixel, one white pixel's ink, a slant of one; for an angle, its period.
UNITS = torch.tensor([PERIOD.get(name, 1.0) for name in QUANTITIES], dtype=torch.float64)


@dataclass(frozen=True)
class PoseMeaning:
    r"""What moving each of D dimensions does to each of Q quantities (those of `Shape`).

    For every image, a line is fitted through the quantity q of the drawings with dimension d moved
    by each offset. With its slope $b_{dq}$, and standard deviations over the images of the class,
    of the dimension as it is and of the quantity in the unmoved drawings,

    $$ \beta_{dq} = b_{dq} \, \sigma_d / \sigma_q $$

    is by how many standard deviations of the quantity one standard deviation of the dimension
    moves it; 0 for a quantity that is the same in all drawings. Measured on the CPU in float64.

    slopes [D, Q]: $b$, units of the quantity for one unit of the dimension, mean over images.
    standardised [D, Q]: $\beta$, mean over images.
    spread [D, Q]: the standard deviation of $\beta$ over images; where it is larger than the mean,
        the dimension does not mean the same in all images.
    r_squared [D, Q]: the share of the variance over the offsets that the line explains, mean over
        images; 0 where nothing varies.
    images: how many.
    """

    slopes: Float[Tensor, "D Q"]
    standardised: Float[Tensor, "D Q"]
    spread: Float[Tensor, "D Q"]
    r_squared: Float[Tensor, "D Q"]
    images: int

    @property
    def quantities(self) -> tuple[str, ...]:
        return QUANTITIES


@torch.no_grad()
def measure_pose_meaning(
    model: Model,
    images: Float[Tensor, "N C H W"],
    label: int,
    offsets: tuple[float, ...] = OFFSETS,
    *,
    batch_size: int = 25,
) -> PoseMeaning:
    """Move the capsule of class `label`, of which `images` are, one dimension at a time.

    Raises a `ValueError` for a model without capsules or decoder, less than two images or less than
    three offsets (a line through two points always fits).
    """
    require("reconstructs", model, "measure_pose_meaning")
    _check(len(images), offsets)
    poses, unmoved, slopes, fits = [], [], [], []
    with eval_mode(model) as device:
        for batch in images.split(batch_size):
            index = torch.full((len(batch),), label, device=device)
            out = model(batch.to(device), index)
            poses.append(select_capsule(out.poses, index).cpu().double())
            unmoved.append(_quantities(out.reconstruction))
            drawn = move(model, out.poses, index, offsets)
            moved = _quantities(drawn.flatten(0, 2)).unflatten(0, drawn.shape[:3])
            curves = _unwrapped(moved).movedim(2, -1)
            slope, fit = fit_line(torch.tensor(offsets).to(moved), curves, UNITS)
            slopes.append(slope)
            fits.append(fit)
    slope, fit = torch.cat(slopes), torch.cat(fits)
    scale = _scale(torch.cat(poses), torch.cat(unmoved))
    return PoseMeaning(
        slopes=slope.mean(0),
        standardised=(slope * scale).mean(0),
        spread=(slope * scale).std(0),
        r_squared=fit.mean(0),
        images=len(images),
    )


def fit_line(
    x: Float[Tensor, " K"], y: Float[Tensor, "*batch K"], unit: Tensor | float = 1.0
) -> tuple[Float[Tensor, "*batch"], Float[Tensor, "*batch"]]:
    """Slope of the least-squares line, and the share of y's variance that it explains (R²); both
    are 0 where y is constant but for `ROUNDING`.

    >>> fit_line(torch.tensor([0.0, 1.0, 2.0]), torch.tensor([1.0, 4.0, 7.0]))
    (tensor(3.), tensor(1.))
    """
    x = x - x.mean()
    centred = y - y.mean(-1, keepdim=True)
    slope = (centred @ x) / x.square().sum()
    total = centred.square().sum(-1)
    left = (centred - slope[..., None] * x).square().sum(-1)
    varies = total > len(x) * _rounding(y.abs().amax(-1), unit).square()
    return torch.where(varies, slope, 0.0), torch.where(varies, 1 - left / total, 0.0)


def _rounding(size: Tensor, unit: Tensor | float) -> Tensor:
    return ROUNDING * torch.maximum(size, torch.as_tensor(unit).to(size))


def _quantities(images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B Q"]:
    return torch.stack(measure_shape(images.cpu().double()), -1)


def _unwrapped(moved: Float[Tensor, "B D K Q"]) -> Float[Tensor, "B D K Q"]:
    """An axis that turns on past its period goes on, instead of starting anew."""
    steps = moved.diff(dim=2)
    for name, period in PERIOD.items():
        at = QUANTITIES.index(name)
        steps[..., at] -= period * (steps[..., at] / period).round()
    return torch.cat([moved[:, :, :1], moved[:, :, :1] + steps.cumsum(2)], 2)


def _scale(poses: Float[Tensor, "N D"], unmoved: Float[Tensor, "N Q"]) -> Float[Tensor, "D Q"]:
    """The dimensions' standard deviations over those of the quantities; 0 for what is constant."""
    deviations = unmoved - unmoved.mean(0)
    for name, period in PERIOD.items():
        at = QUANTITIES.index(name)
        phase = unmoved[:, at] * (2 * torch.pi / period)
        middle = torch.atan2(phase.sin().sum(), phase.cos().sum()) * (period / (2 * torch.pi))
        apart = unmoved[:, at] - middle
        deviations[:, at] = apart - period * (apart / period).round()
    variance = deviations.square().sum(0) / (len(unmoved) - 1)
    varies = variance > _rounding(unmoved.abs().amax(0), UNITS).square()
    return torch.where(varies, poses.std(0)[:, None] / variance.sqrt(), 0.0)


def _check(count: int, offsets: tuple[float, ...]) -> None:
    if count < 2:
        raise ValueError(
            f"measure_pose_meaning, images: expected at least 2 of the class; got {count}; "
            "take some dozens, since numbers are relative to how much these vary"
        )
    if len(set(offsets)) < 3:
        raise ValueError(
            f"measure_pose_meaning, offsets: expected at least 3 different ones; got {offsets}; "
            "a line through two points always fits"
        )
