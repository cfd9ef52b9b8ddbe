"""Faces, houses and cars as a page moves them about: one scene, as JSON and as ink."""

from math import inf, remainder
from typing import Any

import torch
from torch import Tensor

from torchcaps.data.faces_ink import ink
from torchcaps.data.faces_scene import FIGURES, PARTS, Scene, imagine
from torchcaps.explorer.fields import Fields

_POSE = ("x", "y", "rotation", "scale")
_RANGES = {"x": (-2.0, 2.0), "y": (-2.0, 2.0), "rotation": (-inf, inf), "scale": (0.05, 3.0)}


def new_figure(name: str, seed: int) -> Scene:
    """The first scene of a seed: other names of the same seed have its parts in other places."""
    return imagine(1, (name,), seed=seed)


def figure_json(scene: Scene) -> dict[str, Any]:
    """The first figure of a scene."""
    return {
        "figure": scene.figures[0],
        "parts": [
            {"name": name, **_pose_json(pose)}
            for name, pose in zip(PARTS, scene.parts[0], strict=True)
        ],
        "whole": _pose_json(scene.whole[0]),
        "thickness": float(scene.thickness[0]),
        "expression": float(scene.expression[0]),
        "shown": scene.shown[0].tolist(),
    }


def read_figure(fields: Fields) -> Scene:
    """The scene that `figure_json` wrote and a person changed; without noise."""
    name = fields.text("figure", list(FIGURES))
    parts = fields.several("parts", len(PARTS))
    for part, expected in zip(parts, PARTS, strict=True):
        part.text("name", [expected])
    return Scene(
        figures=(name,),
        whole=torch.tensor([_pose(fields.fields("whole"))]),
        parts=torch.tensor([[_pose(part) for part in parts]]),
        thickness=torch.tensor([fields.number("thickness", 0.01, 0.5)]),
        expression=torch.tensor([fields.number("expression", -1, 1)]),
        noise=torch.zeros(1),
        shown=torch.tensor([fields.flags("shown", len(PARTS))]),
    )


def draw_figure(scene: Scene, size: int) -> Tensor:
    """The figure as float32 [1,size,size] in [0,1]."""
    return ink(scene, size)[0]


def _pose_json(pose: Tensor) -> dict[str, float]:
    return dict(zip(_POSE, pose.tolist(), strict=True))


def _pose(fields: Fields) -> list[float]:
    pose = [fields.number(name, *_RANGES[name]) for name in _POSE]
    pose[2] = remainder(pose[2], 360)
    return pose
