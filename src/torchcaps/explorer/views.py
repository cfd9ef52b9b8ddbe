"""What the models predict for an image, moved and as it was."""

from typing import Any

import torch
from torch import Tensor

from torchcaps.data.faces_scene import CLASSES
from torchcaps.data.transforms import affine
from torchcaps.explorer.figure import draw_figure
from torchcaps.explorer.pixels import pixels_json
from torchcaps.explorer.requests import Decode, Drawn, Indexed, Look, Source, Sweep
from torchcaps.explorer.shown import Shown
from torchcaps.explorer.workspaces import Workspace
from torchcaps.models import Output

SWEEP = tuple(float(degrees) for degrees in range(-180, 181, 10))


def image_of(source: Source, models: Workspace) -> tuple[Tensor, int | None]:
    """The image float32 [C,H,W] in [0,1], and its label where it has one."""
    if isinstance(source, Indexed):
        image, label = models.test_set[source.number]
        return image, int(label)
    if isinstance(source, Drawn):
        return source.pixels.float() / 255, None
    name = source.scene.figures[0]
    label = CLASSES.index(name) if name in CLASSES else None
    return draw_figure(source.scene, models.in_shape[1]), label


def moved_image(look: Look) -> Tensor:
    """The image [C,H,W] that the models are to see."""
    image, _ = image_of(look.source, look.models)
    return affine(image[None], **look.move._asdict())[0]


@torch.inference_mode()
def view(look: Look) -> dict[str, Any]:
    """The image, moved, and the answer of every model of its workspace."""
    original, label = image_of(look.source, look.models)
    moved = affine(original[None], **look.move._asdict())[0]
    # Upright beside it, in one forward: cheaper to ask again than to remember for every page.
    both = torch.stack([moved, original])
    return {
        "image": pixels_json(moved),
        "original": pixels_json(original),
        "label": label,
        "answers": [_answer(shown, shown(both)) for shown in look.models.models],
    }


@torch.inference_mode()
def sweep(request: Sweep) -> dict[str, Any]:
    """The probability of one class at rotations over the full circle, other moves unchanged."""
    original, label = image_of(request.source, request.models)
    if request.label is not None:
        label = request.label
    if label is None:
        label = int(request.models.models[0](original[None]).scores.argmax())
    images = original.expand(len(SWEEP), -1, -1, -1)
    turned = affine(images, **{**request.move._asdict(), "degrees": torch.tensor(SWEEP)})
    curves = []
    for shown in request.models.models:
        out = shown(turned)
        curves.append(
            {
                "model": shown.id,
                "probabilities": shown.model.probabilities(out)[:, label].tolist(),
                "right": (out.scores.argmax(-1) == label).tolist(),
            }
        )
    return {"degrees": list(SWEEP), "class": label, "curves": curves}


@torch.inference_mode()
def decode(request: Decode) -> dict[str, Any]:
    """What a pose looks like, all other capsules being 0."""
    model = request.shown.model
    device = request.shown.device
    poses = torch.zeros(1, model.num_classes, len(request.pose), device=device)
    poses[0, request.label] = torch.tensor(request.pose, device=device)
    image = model.decode(poses, torch.tensor([request.label], device=device))
    assert image is not None
    return {"image": pixels_json(image[0])}


def _answer(shown: Shown, out: Output) -> dict[str, Any]:
    """Of a batch of two, the moved image and the upright one."""
    winner = int(out.scores[0].argmax())
    pose = upright = turn = picture = None
    if out.poses is not None:
        pose, upright = out.poses[0, winner], out.poses[1, winner]
        turn = _degrees_between(pose, upright)
    angles = shown.model.angle(out)
    if out.reconstruction is not None:
        picture = pixels_json(out.reconstruction[0])
    return {
        "model": shown.id,
        "probabilities": shown.model.probabilities(out)[0].tolist(),
        "scores": out.scores[0].tolist(),
        "winner": winner,
        "pose": None if pose is None else pose.tolist(),
        "upright_pose": None if upright is None else upright.tolist(),
        "turn_of_pose": turn,
        "angle": None if angles is None else float(angles[0]),
        "reconstruction": picture,
    }


def _degrees_between(a: Tensor, b: Tensor) -> float | None:
    """The angle between two vectors, 0 to 180; None if one of them is 0.

    By the tangent of the half angle (Kahan): near 0 and 180 a cosine would lose half the digits.
    """
    if not bool(a.any() and b.any()):
        return None
    a, b = a.double() / a.double().norm(), b.double() / b.double().norm()
    return float(2 * torch.atan2((a - b).norm(), (a + b).norm()).rad2deg())
