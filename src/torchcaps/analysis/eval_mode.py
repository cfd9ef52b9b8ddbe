"""Evaluating a trained model, and leaving it as it was; refusing one that cannot answer."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from torchcaps.models import Model


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
def require_decoder(model: Model, where: str) -> Model:
    """The model, if it reconstructs its input from capsules; else a `ValueError`."""
    with eval_mode(model) as device:
        out = model(torch.zeros(1, *model.in_shape, device=device))
    if out.poses is None or out.reconstruction is None:
        raise ValueError(
            f"{where}, model: expected capsules and a decoder; got {model.name}, which lacks them; "
            "take a capsnet with decoder 'mlp' or 'conv'"
        )
    return model


@torch.no_grad()
def require_routing(model: Model, where: str) -> Model:
    """The model, if its class capsules come by routing; else a `ValueError`."""
    with eval_mode(model) as device:
        found = model.explain(torch.zeros(1, *model.in_shape, device=device))
    if found is None:
        raise ValueError(
            f"{where}, model: expected class capsules by routing; got {model.name}, which has "
            "none; take a capsnet"
        )
    return model
