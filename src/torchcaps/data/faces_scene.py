"""Where the parts of a figure are: faces, houses and cars of the same parts, and scrambled faces.

A pose is (x, y, rotation, scale). x is to the right and y down from the image's centre, and 1 is
half of the image's side; rotation is in degrees, counter-clockwise on the screen; scale 1 is the
part of a head as high as the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from torchcaps.registry import Registry

from .counter import uniforms

PARTS = ("head", "left eye", "right eye", "nose", "mouth")

# Eyes, nose and mouth have six orders from top to bottom. Each part has another place in each of
# three classes. In the three other orders one part is where a face has it, one where a house has it
# and one where a car has it: whoever looks at one part alone is misled.
FIGURES: Registry[tuple[str, str, str]] = Registry("figure")
FIGURES.add("face")(("eyes", "nose", "mouth"))
FIGURES.add("house")(("mouth", "eyes", "nose"))  # eaves, windows, door
FIGURES.add("car")(("nose", "mouth", "eyes"))  # cabin, sill, wheels
FIGURES.add("nose below mouth")(("eyes", "mouth", "nose"))
FIGURES.add("eyes below mouth")(("mouth", "nose", "eyes"))
FIGURES.add("nose on forehead")(("nose", "eyes", "mouth"))
CLASSES = ("face", "house", "car")
SCRAMBLED = ("nose below mouth", "eyes below mouth", "nose on forehead")

_ROWS = (-0.42, 0.0, 0.42)  # of a head from -1 to 1
_EYES = 0.38  # to either side
_STREAM = 0


@dataclass(frozen=True)
class Scene:
    """The truth about B figures.

    figures: the name of each, from FIGURES.
    whole [B,4]: the pose of the whole.
    parts [B,5,4]: the pose of each of PARTS.
    thickness [B]: of all strokes of the figure, in the units of x and y.
    expression [B]: the mouth, from -1 (its corners hang) to 1 (they are up).
    noise [B]: up to this is added to a pixel or taken off.
    shown [B,5]: false where a part is missing.
    """

    figures: tuple[str, ...]
    whole: Tensor
    parts: Tensor
    thickness: Tensor
    expression: Tensor
    noise: Tensor
    shown: Tensor


def imagine(
    count: int,
    figures: Sequence[str] = CLASSES,
    *,
    seed: int = 0,
    start: int = 0,
    missing: float = 0.0,
) -> Scene:
    """The scenes `start` to `start + count - 1` of a seed; scene k is `figures[k % len(figures)]`.

    Scene k is a function of seed, k and its figure. The figure says where the parts are, and
    nothing else: with other `figures` the same k has the same parts, of the same size, turn and
    expression, in other places. So the twins of `imagine(n, ("face",))` are
    `imagine(n, SCRAMBLED)`. missing: the chance that the eyes, the nose or the mouth is left out.

    ValueError: an unknown figure, a negative seed or start, less than one scene, or a chance that
    is none.
    """
    for name, value, least in (("count", count, 1), ("seed", seed, 0), ("start", start, 0)):
        if value < least:
            raise ValueError(f"faces, {name}: expected at least {least}; got {value}; raise it")
    if not 0 <= missing <= 1:
        raise ValueError(
            f"faces, missing: expected a chance from 0 to 1; got {missing}; 0 leaves nothing out"
        )
    if not figures:
        raise ValueError("faces, figures: expected at least one; got none; take ('face',)")
    named = tuple(figures[(start + k) % len(figures)] for k in range(count))
    places = {name: _places(FIGURES[name]) for name in dict.fromkeys(named)}
    chance = _Chance(uniforms(seed, _STREAM, start, count, 28))
    whole = torch.stack(
        [
            chance.between(-0.07, 0.07),
            chance.between(-0.07, 0.07),
            chance.between(-20, 20),
            chance.between(0.66, 0.82),
        ],
        dim=-1,
    )
    scene = (chance.between(0.06, 0.11), chance.between(-1, 1), chance.between(0, 0.15))
    own = torch.stack(
        [
            chance.between(-0.04, 0.04, len(PARTS)),
            chance.between(-0.04, 0.04, len(PARTS)),
            chance.between(-10, 10, len(PARTS)),
            chance.between(-0.1, 0.1, len(PARTS)),
        ],
        dim=-1,
    )
    own[:, 0] /= 4  # the head moves less, so that no part leaves it
    own[..., :2] += torch.stack([places[name] for name in named])
    own[..., 3] += 1
    return Scene(named, whole, _within(whole, own), *scene, _shown(chance.between(0, 1), missing))


class _Chance:
    """Hands out the columns of a table of uniform numbers [B,n], each once."""

    def __init__(self, table: Tensor) -> None:
        self.table, self.used = table, 0

    def between(self, low: float, high: float, columns: int | None = None) -> Tensor:
        """[B], or [B,columns]."""
        taken = self.table[:, self.used : self.used + (columns or 1)]
        self.used += columns or 1
        return low + (high - low) * (taken[:, 0] if columns is None else taken)


def _places(rows: tuple[str, str, str]) -> Tensor:
    """x and y [5,2] of the parts within the head."""
    y = dict(zip(rows, _ROWS, strict=True))
    across = (0.0, -_EYES, _EYES, 0.0, 0.0)
    down = (0.0, y["eyes"], y["eyes"], y["nose"], y["mouth"])
    return torch.tensor([across, down]).T


def _shown(chance: Tensor, missing: float) -> Tensor:
    """All parts [B,5], or all but one of three; what is missing takes `missing` of 0 to 1."""
    lost = torch.where(chance < missing, chance * (3 / max(missing, 1e-9)), 3.0).floor()
    return lost[:, None] != torch.tensor(
        [-1, 0, 0, 1, 2]
    )  # of the head, each eye, the nose, the mouth


def _within(whole: Tensor, own: Tensor) -> Tensor:
    """Poses in the image [B,P,4], from the whole's pose [B,4] and poses within it [B,P,4]."""
    whole = whole[:, None]
    x, y, turn, scale = own.unbind(-1)
    angle = torch.deg2rad(whole[..., 2])
    cos, sin, size = angle.cos(), angle.sin(), whole[..., 3]
    return torch.stack(
        [
            whole[..., 0] + size * (cos * x + sin * y),
            whole[..., 1] + size * (cos * y - sin * x),
            whole[..., 2] + turn,
            size * scale,
        ],
        dim=-1,
    )
