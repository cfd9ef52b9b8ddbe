"""What a page may ask, as checked values."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from torchcaps.data.faces_scene import Scene
from torchcaps.explorer.fields import Fields
from torchcaps.explorer.figure import read_figure
from torchcaps.explorer.pixels import read_pixels_json
from torchcaps.explorer.refusal import Refused
from torchcaps.explorer.shown import Shown
from torchcaps.explorer.workspaces import Workspace

Workspaces = Mapping[str, Workspace]
LONGEST = 10.0  # number in a pose; capsules end at 1


class Indexed(NamedTuple):
    """A test image."""

    number: int


class Drawn(NamedTuple):
    """A drawing or an upload, uint8 [C,H,W]."""

    pixels: Tensor


class Figure(NamedTuple):
    """A face, house or car."""

    scene: Scene


Source = Indexed | Drawn | Figure


class Move(NamedTuple):
    """The arguments of `data.transforms.affine`."""

    degrees: float
    scale: float
    dx: float
    dy: float
    shear: float


@dataclass(frozen=True)
class Look:
    """An image as the models are to see it."""

    models: Workspace
    source: Source
    move: Move


@dataclass(frozen=True)
class Sweep(Look):
    """The image rotated over the full circle, and the class to follow (None: the image's own)."""

    label: int | None


@dataclass(frozen=True)
class Route(Look):
    """The image on its way through one model."""

    shown: Shown
    iterations: int | None
    parts: int


@dataclass(frozen=True)
class Decode:
    """A pose to draw."""

    shown: Shown
    label: int
    pose: list[float]


def read_workspace(fields: Fields, workspaces: Workspaces) -> Workspace:
    return workspaces[fields.text("set", list(workspaces))]


def read_look(fields: Fields, workspaces: Workspaces) -> Look:
    models = read_workspace(fields, workspaces)
    return Look(models, _source(fields.fields("source"), models), _move(fields, models))


def read_sweep(fields: Fields, workspaces: Workspaces) -> Sweep:
    look = read_look(fields, workspaces)
    look.models.require_models()
    last = len(look.models.classes) - 1
    label = None if fields.missing("class") else fields.whole("class", 0, last)
    return Sweep(look.models, look.source, look.move, label)


def read_route(fields: Fields, workspaces: Workspaces) -> Route:
    look = read_look(fields, workspaces)
    shown = _model(fields, look.models, "routing")
    iterations = None if fields.missing("iterations") else fields.whole("iterations", 1, 10)
    parts = fields.whole("parts", 1, 32, default=12)
    return Route(look.models, look.source, look.move, shown, iterations, parts)


def read_decode(fields: Fields, workspaces: Workspaces) -> Decode:
    models = read_workspace(fields, workspaces)
    shown = _model(fields, models, "decode")
    label = fields.whole("class", 0, len(models.classes) - 1)
    assert shown.pose_dim is not None
    return Decode(shown, label, fields.numbers("pose", shown.pose_dim, -LONGEST, LONGEST))


def _model(fields: Fields, models: Workspace, ability: str) -> Shown:
    models.require_models()
    shown = models.by_id[fields.text("model", list(models.by_id))]
    if not shown.can[ability]:
        able = [each.id for each in models.models if each.can[ability]]
        raise Refused(
            f"{shown.id}: expected a model that can do {ability}; got one that cannot; "
            f"choose {' or '.join(able) or 'another'}"
        )
    return shown


def _source(fields: Fields, models: Workspace) -> Source:
    faces = models.id == "faces"
    kind = fields.text("kind", ["test", "pixels", *(["face"] if faces else [])])
    if kind == "test":
        return Indexed(fields.whole("index", 0, len(models.test_set) - 1))
    if kind == "face":
        return Figure(read_figure(fields.fields("figure")))
    return Drawn(read_pixels_json(fields.fields("pixels"), models.in_shape))


def _move(fields: Fields, models: Workspace) -> Move:
    _, height, width = models.in_shape
    given = fields.fields("transform", default={})
    degrees = given.number("degrees", -math.inf, math.inf, default=0.0)
    return Move(
        degrees=math.remainder(degrees, 360),
        scale=given.number("scale", 0.2, 3, default=1.0),
        dx=given.number("dx", -width, width, default=0.0),
        dy=given.number("dy", -height, height, default=0.0),
        shear=given.number("shear", -2, 2, default=0.0),
    )
