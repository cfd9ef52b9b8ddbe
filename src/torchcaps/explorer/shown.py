"""A network as the page shows it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from torchcaps.models import Model, Output


@dataclass(frozen=True)
class Shown:
    """A network of a workspace: its weights, and what a page can ask of it."""

    id: str
    folder: str
    model: Model
    pose_dim: int | None

    iterations: int | None  # of its routing; None without
    can: dict[str, bool]

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device

    def __call__(self, images: Tensor) -> Output:
        """The model's answer to images on any device."""
        return self.model(images.to(self.device))

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.model.name,
            "folder": self.folder,
            "kind": self.model.score_kind,
            "gain": self.model.gain,
            "parameters": sum(p.numel() for p in self.model.parameters()),
            "pose_dim": self.pose_dim,
            "iterations": self.iterations,
            "orientations": self.model.orientations,
            "window": self.model.window if self.model.orientations else None,
            "can": self.can,
        }


@torch.inference_mode()
def show(id: str, folder: Path, model: Model) -> Shown:
    """Asks the model once what it can. The first forward also makes what later ones reuse.

    Raises a `ValueError` for a model whose scores are not finite.
    """
    image = torch.zeros(1, *model.in_shape, device=next(model.parameters()).device)
    out, explanation = model(image), model.explain(image)
    if not bool(out.scores.isfinite().all()):
        raise ValueError(
            f"explore, {folder}: expected a model with finite scores; got NaN or infinity; its "
            "training diverged, train it again with a smaller lr"
        )
    return Shown(
        id,
        str(folder),
        model,
        pose_dim=None if out.poses is None else out.poses.shape[-1],
        iterations=None if explanation is None else len(explanation.couplings),
        can={
            "decode": out.reconstruction is not None,
            "angle": model.angle(out) is not None,
            "routing": explanation is not None,
        },
    )
