"""What a user can get wrong, and what the message says."""

import pytest
import torch

import torchcaps as tc
from torchcaps.models.catalogue import MODELS

pytestmark = pytest.mark.usefixtures("unchecked")


@pytest.fixture
def of_images(name):
    """The messages of the others are in `test_signals.py`."""
    if MODELS[name].architecture.axes != (2,):
        pytest.skip("not a model of images")


@pytest.mark.parametrize("shape", [(8, 8), (1, 8, 8), (2, 1, 9, 8), (2, 3, 8, 8), (2, 64)])
@pytest.mark.usefixtures("of_images")
def test_images_of_another_size_or_rank_are_named(small, shape):
    channels, height, width = small.in_shape
    shape = tuple(n + height - 8 if n in (8, 9) else n for n in shape)
    text = (
        rf"images: expected \[B, {channels}, {height}, {width}\]; "
        rf"got \({', '.join(map(str, shape))}\); resize the images, add the batch axis"
    )
    with pytest.raises(ValueError, match=text):
        small(torch.zeros(shape))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.bool])
@pytest.mark.usefixtures("of_images")
def test_pixels_that_are_no_floats_are_to_be_divided(small, dtype):
    images = torch.zeros(2, *small.in_shape, dtype=dtype)
    with pytest.raises(ValueError, match=rf"images: .* got {dtype}; divide by 255$"):
        small(images)


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        ([0, 2], r"labels: expected classes 0\.\.1; got 0\.\.2; number the classes from 0"),
        ([-1, 0], r"labels: expected classes 0\.\.1; got -1\.\.0"),
        ([0, 1, 0], r"labels: expected one class index per image, shape \(2,\); got \(3,\)"),
        ([[0, 1], [1, 0]], r"labels: .* shape \(2,\); got \(2, 2\); pass indices, not one-hot"),
    ],
)
def test_labels_that_do_not_fit_are_named_before_the_loss_is_a_number(small, labels, text):
    if small.task == "segmentation":
        pytest.skip("has masks for labels: see test_segmentation.py")
    images, wrong = torch.rand(2, *small.in_shape), torch.tensor(labels)
    if small(images).reconstruction is not None:
        with pytest.raises(ValueError, match=text):
            small(images, wrong)
    if wrong.ndim == 1:
        with pytest.raises(ValueError, match=text):
            small.make_loss()(small(images), images, wrong)


def test_an_unknown_model_lists_all_and_the_nearest(name):
    known = ", ".join(tc.list_models())
    text = rf"^unknown model '{name}x'; known: {known}; did you mean '{name}'\?$"
    with pytest.raises(ValueError, match=text):
        tc.create_model(f"{name}x", (1, 28, 28), 10)


def test_an_unknown_option_lists_the_known_ones(build, small):
    options = set(small.config) - {"model", "in_shape", "num_classes"}
    with pytest.raises(ValueError, match=r"options of .*; got nonsense; drop") as got:
        build(small.in_shape, 2, nonsense=1)
    listed = str(got.value).split("expected some of ")[1].split(";")[0].split(", ")
    assert set(listed) == options


@pytest.mark.parametrize("in_shape", [(28, 28), (0, 28, 28), (1, 28, -1), (1, 1, 28, 28)])
@pytest.mark.usefixtures("of_images")
def test_a_shape_that_is_no_images_is_named(build, in_shape):
    text = r"in_shape: expected \(channels, height, width\), all at least 1; got \("
    with pytest.raises(ValueError, match=text):
        build(in_shape)


def test_a_network_without_classes_is_refused(build):
    with pytest.raises(ValueError, match="num_classes: expected at least 1; got 0; take a data"):
        build(num_classes=0)


@pytest.mark.parametrize("in_shape", [(1, 2, 28), (1, 28, 2)])
@pytest.mark.usefixtures("of_images")
def test_images_too_small_for_the_network_are_refused(build, name, in_shape):
    if name == "deepcaps":
        pytest.skip("its maps are padded: takes all sizes")
    text = "(2x28|28x2); (got [3579]|use larger)|(10|2)x(10|2).*take a smaller kernel"
    with pytest.raises(ValueError, match=text):
        build(in_shape)


@pytest.mark.parametrize(
    ("model", "options", "text"),
    [
        (
            "capsnet",
            {"style": "paper"},
            "CapsNet, style: expected one of series, sabour2017, port; got",
        ),
        ("capsnet", {"decoder": "non"}, "one of mlp, conv, none; got 'non'; did you mean 'none'?"),
        ("capsnet", {"types": 0}, "CapsNet, types: expected a whole number, at least 1; got 0"),
        ("capsnet", {"pose_dim": -1}, "CapsNet, pose_dim: .* got -1; give a larger pose_dim"),
        ("capsnet", {"primary_dim": 2.5}, "CapsNet, primary_dim: expected a whole .* got 2.5"),
        ("capsnet", {"iterations": 0}, "CapsNet, iterations: .* at least 1; got 0"),
        ("cnn", {"hidden": 0}, "CNN, hidden: expected a whole number, at least 1; got 0"),
        ("cnn", {"channels": (4, 8, 9)}, r"CNN, channels: .* 2 whole .* got \(4, 8, 9\); write"),
        ("cnn", {"channels": 5}, "CNN, channels: expected 2 whole numbers; got 5; write them as"),
        ("cnn", {"channels": (0, 8)}, "CNN, channels: expected a whole number, .* got 0"),
    ],
)
def test_options_that_make_no_network_are_named(model, options, text):
    with pytest.raises(ValueError, match=text):
        tc.create_model(model, (1, 28, 28), 10, **options)
