"""Asking a trained model, and leaving it as it was."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from torchcaps.models import Model


@contextmanager
def asked(model: Model) -> Iterator[torch.device]:
    """The model in evaluation mode, and its device; trained on afterwards if it was before."""
    training = model.training
    model.eval()
    try:
        yield next(model.parameters()).device
    finally:
        model.train(training)
