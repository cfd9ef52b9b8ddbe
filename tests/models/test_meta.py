"""Every registered model can be built without memory and filled afterwards."""

import pytest
import torch


@pytest.fixture
def empty(build, small, small_options):
    with torch.device("meta"):
        return build(small.in_shape, small.num_classes, **small_options)


def test_a_model_on_the_meta_device_has_the_same_parts_and_no_numbers(small, empty):
    assert all(p.is_meta for p in empty.parameters())
    shapes = {key: value.shape for key, value in small.state_dict().items()}
    assert {key: value.shape for key, value in empty.state_dict().items()} == shapes
    assert empty.config == small.config


@pytest.mark.parametrize("assign", [False, True])
def test_filled_with_the_weights_of_another_it_is_that_model(small, empty, assign):
    model = empty if assign else empty.to_empty(device="cpu")
    model.load_state_dict(small.state_dict(), assign=assign)
    images = torch.rand(2, *small.in_shape)
    model.eval()
    assert torch.equal(model(images).scores, small(images).scores)


def test_a_model_that_went_over_the_meta_device_answers_on_it(small):
    images = torch.rand(2, *small.in_shape, device="meta")
    for grad in (True, False):
        with torch.set_grad_enabled(grad):
            assert small.to("meta")(images).scores.shape[:2] == (2, small.num_classes)
