"""Evaluating a trained model and leaving it as it was; what it can, and what it must."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from torchcaps.models import Model, Output


@contextmanager
def eval_mode(model: Model) -> Iterator[torch.device]:
    """The model in evaluation mode, and its device; trained on afterwards if it was before."""
    training = model.training
    model.eval()
    try:
        yield next(model.parameters()).device
    finally:
        model.train(training)


@torch.no_grad()
def answer(model: Model, images: Float[Tensor, "N C *size"], *, batch_size: int = 250) -> Output:
    """The model's answer to all images, batch by batch on its device, kept on the CPU."""
    with eval_mode(model) as device:
        outs = [model(batch.to(device)) for batch in images.split(batch_size)]
    parts = zip(*outs, strict=True)
    return Output._make(None if p[0] is None else torch.cat(p).cpu() for p in parts)


def presence(model: Model, scores: Float[Tensor, "*N J"]) -> Float[Tensor, "*N J"]:
    """How present each class is, from 0 to 1, by the model's scores: lengths and activations as
    they are, the softmax of logits."""
    return scores.softmax(-1) if model.score_kind == "logits" else scores


class Abilities(NamedTuple):
    """reconstructs: draws its input from class capsules. routes: has class capsules by routing."""

    reconstructs: bool
    routes: bool


_NEEDED = {  # what is expected, and what to take instead
    "reconstructs": ("capsules and a decoder", "a capsnet with decoder 'mlp' or 'conv'"),
    "routes": ("class capsules by routing", "a capsnet"),
}


@torch.no_grad()
def abilities(model: Model) -> Abilities:
    """What a model can, asked with an empty image."""
    with eval_mode(model) as device:
        image = torch.zeros(1, *model.in_shape, device=device)
        out = model(image)
        drawn = out.poses is not None and out.reconstruction is not None
        return Abilities(drawn, model.explain(image) is not None)


def require_images(model: Model, where: str) -> None:
    """Raise a `ValueError` for a model of signals or volumes, which have no pixels in [0, 1]."""
    if len(model.in_shape) != 3:
        raise ValueError(
            f"{where}, model: expected one of images; got {model.name}, for inputs of "
            f"{model.in_shape}; take a model of images"
        )


def require(ability: Literal["reconstructs", "routes"], model: Model, where: str) -> None:
    """Raise a `ValueError` for a model without this ability."""
    if not getattr(abilities(model), ability):
        expected, instead = _NEEDED[ability]
        raise ValueError(
            f"{where}, model: expected {expected}; got {model.name}, which has none; take {instead}"
        )
