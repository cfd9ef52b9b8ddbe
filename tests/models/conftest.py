"""Models to test, made from the registry: a new entry is tested without another line."""

from inspect import signature

import pytest
import torch

import torchcaps as tc
from torchcaps.models.catalogue import MODELS

SMALLER = {"stem_channels": 8, "types": 4, "decoder_width": 12, "hidden": 16, "side": 2}


@pytest.fixture(params=tc.list_models())
def name(request):
    return request.param


@pytest.fixture
def build(name):
    """The registered model for images of a shape, always with the same weights, none of which are
    all alike, as at the start of some (Heinsen's betas are 0, and let no gradient through); models
    for signals get signals as long as the images are wide."""

    def make(in_shape=(1, 28, 28), num_classes=10, **options):
        torch.manual_seed(0)
        if MODELS[name].architecture.axes == (1,):
            in_shape = in_shape[0], in_shape[-1]
        model = tc.create_model(name, in_shape, num_classes, **options)
        with torch.no_grad():
            for parameter in model.parameters():
                if not parameter.is_meta and (parameter == parameter.flatten()[0]).all():
                    parameter.add_(0.1 * torch.randn_like(parameter))
        return model

    return make


@pytest.fixture
def labels_for(name):
    """labels_for(model, 1, 0): a class for each image; where each pixel has one, that one for all
    of them."""

    def make(model, *labels):
        wanted = torch.tensor(labels)
        if model.task != "segmentation":
            return wanted
        return wanted.view(-1, *[1] * len(model.in_shape[1:])).repeat(1, *model.in_shape[1:])

    return make


@pytest.fixture
def small_options(name):
    """Those of `SMALLER` that the architecture has."""
    known = signature(MODELS[name].architecture).parameters
    return {option: value for option, value in SMALLER.items() if option in known}


@pytest.fixture
def small(build, small_options):
    """The model with few channels, two classes, and the smallest of a few sizes that it takes; in
    evaluation mode, where norms of batches are functions of one image."""
    for size in (8, 20, 28, 52):
        try:
            return build((1, size, size), 2, **small_options).eval()
        except ValueError:
            continue
    raise AssertionError("takes none of these sizes")
