import pytest
import torch
from torch.autograd import gradcheck
from torch.func import vmap
from torch.utils._python_dispatch import TorchDispatchMode

from torchcaps.ops import check_labels, margin_loss, reconstruction_loss

LENGTHS = torch.tensor([[0.95, 0.3], [0.2, 0.05]])


def test_margin_loss_of_two_images_by_hand():
    """Image 1: 0 + 0.5 * 0.2^2 = 0.02. Image 2: 0.7^2 + 0 = 0.49. Their mean is 0.255."""
    loss = margin_loss(LENGTHS, torch.tensor([0, 0]))
    torch.testing.assert_close(loss, torch.tensor(0.255))


def test_the_mean_over_classes_is_the_sum_over_their_number():
    labels = torch.tensor([0, 0])
    mean = margin_loss(LENGTHS, labels, over_classes="mean")
    torch.testing.assert_close(mean, torch.tensor(0.255 / 2))


def test_several_classes_may_be_present():
    """Image 1: 0 + 0.6^2. Image 2: 0.5 * 0.1^2 + 0.85^2."""
    targets = torch.tensor([[1, 1], [0, 1]])
    expected = (0.36 + 0.005 + 0.7225) / 2
    for dtype in (torch.int64, torch.uint8, torch.bool):
        loss = margin_loss(LENGTHS, targets.to(dtype))
        torch.testing.assert_close(loss, torch.tensor(expected))


def test_one_hot_targets_mean_what_their_labels_mean():
    lengths = torch.rand(5, 7)
    labels = torch.tensor([0, 6, 3, 3, 1])
    targets = torch.eye(7, dtype=torch.int64)[labels]
    assert torch.equal(margin_loss(lengths, labels), margin_loss(lengths, targets))


def test_margins_and_down_weight_are_the_callers():
    """Image 1: 0.05^2 + 0.25 * 0.1^2. Image 2: 0.8^2 + 0."""
    loss = margin_loss(LENGTHS, torch.tensor([0, 0]), m_plus=1.0, m_minus=0.2, down_weight=0.25)
    torch.testing.assert_close(loss, torch.tensor((0.0025 + 0.0025 + 0.64) / 2))


def test_margin_gradient_by_hand():
    """Nothing inside the margins, lambda (x - m-) for an absent class, -2 (m+ - x) for one there;
    each over two images."""
    lengths = LENGTHS.clone().requires_grad_()
    margin_loss(lengths, torch.tensor([0, 0])).backward()
    assert lengths.grad is not None
    torch.testing.assert_close(lengths.grad, torch.tensor([[0.0, 0.1], [-0.7, 0.0]]))


def test_margin_gradcheck_in_float64():
    lengths = torch.rand(3, 4, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda x: margin_loss(x, torch.tensor([0, 3, 1])), lengths)


def test_margin_loss_of_half_precision_lengths_is_float32():
    half = LENGTHS.bfloat16()
    loss = margin_loss(half, torch.tensor([0, 0]))
    assert loss.dtype == torch.float32
    assert torch.equal(loss, margin_loss(half.float(), torch.tensor([0, 0])))


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        ([0, 2], r"margin_loss, labels: expected classes 0\.\.1; got 0\.\.2; number the classes"),
        ([-1, 0], r"expected classes 0\.\.1; got -1\.\.0"),
        ([0, 1, 1], r"one class index per image, shape \(2,\); got \(3,\); pass indices"),
        ([[0], [1]], r"margin_loss, labels: .* \(2, 2\); got \(2, 1\)"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_labels_that_do_not_fit_the_lengths_are_named(labels, text):
    with pytest.raises(ValueError, match=text):
        margin_loss(LENGTHS, torch.tensor(labels))


@pytest.mark.parametrize(
    ("targets", "text"),
    [
        (
            [[1.0, 0.0], [0.0, 1.0]],
            r"bool or integer dtype, .* got torch.float32; pass",
        ),
        ([[0.9, 0.1], [0.1, 0.9]], r"got torch.float32; .* sum of two margin losses"),
        ([[1, -1], [-1, 1]], r"expected targets of 0 and 1, .* got -1\.\.1; pass targets > 0"),
        ([1.0, 0.0], r"expected class indices of an integer dtype; got torch.float32; pass"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_targets_that_do_not_say_present_or_absent_are_refused(targets, text):
    with pytest.raises(ValueError, match=f"margin_loss, labels: .*{text}"):
        margin_loss(LENGTHS, torch.tensor(targets))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32, torch.uint16])
def test_labels_of_any_integer_dtype_mean_the_same(dtype):
    labels = torch.tensor([1, 0])
    assert torch.equal(margin_loss(LENGTHS, labels.to(dtype)), margin_loss(LENGTHS, labels))
    with pytest.raises(ValueError, match=r"expected classes 0\.\.1; got 0\.\.7"):
        margin_loss(LENGTHS, torch.tensor([7, 0], dtype=dtype))


class Looks(TorchDispatchMode):
    """Counts how often values of labels are looked for: each makes a GPU's program wait."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func is torch.ops.aten.aminmax.default
        return func(*args, **(kwargs or {}))


def test_labels_are_looked_at_once_until_they_change():
    labels = torch.tensor([0, 1])
    with Looks() as looks:
        check_labels(labels, 2, 10, "the model")
        check_labels(labels, 2, 10, "the loss")
    assert looks.count == 1
    labels[0] = 10
    with pytest.raises(ValueError, match=r"the loss, labels: expected classes 0\.\.9; got 1\.\.10"):
        check_labels(labels, 2, 10, "the loss")
    with pytest.raises(ValueError, match=r"expected classes 0\.\.4; got 1\.\.10"):
        check_labels(labels, 2, 5, "another model")


def test_labels_made_in_inference_mode_are_looked_at_too():
    with torch.inference_mode():
        labels = torch.tensor([0, 1])
        check_labels(labels, 2, 2, "here")
        labels[0] = 2
        with pytest.raises(ValueError, match=r"got 1\.\.2"):
            check_labels(labels, 2, 2, "here")


def test_values_that_nobody_can_read_are_not_asked_for():
    check_labels(torch.zeros(2, dtype=torch.long, device="meta"), 2, 10, "here")
    labels = torch.tensor([0, 1])
    each = vmap(lambda x, y: margin_loss(x[None], y[None]))(LENGTHS, labels)
    torch.testing.assert_close(each.mean(), margin_loss(LENGTHS, labels))


def test_check_labels_lets_the_first_and_last_class_and_no_images_pass():
    check_labels(torch.tensor([0, 9]), 2, 10, "here")
    check_labels(torch.tensor([], dtype=torch.long), 0, 10, "here")


def test_reconstruction_loss_by_hand():
    """Image 1: 0.5^2 + 1^2. Image 2: four times 0.1^2."""
    images = torch.zeros(2, 1, 2, 2)
    drawn = torch.tensor([[[[0.5, 0.0], [0.0, -1.0]]], [[[0.1, 0.1], [0.1, 0.1]]]])
    torch.testing.assert_close(reconstruction_loss(drawn, images), torch.tensor(1.29 / 2))
    mean = reconstruction_loss(drawn, images, over_pixels="mean")
    torch.testing.assert_close(mean, torch.tensor(1.29 / 8))


def test_half_a_thousandth_of_the_sum_is_0_392_of_the_mean_at_28_pixels():
    drawn, images = torch.rand(3, 1, 28, 28), torch.rand(3, 1, 28, 28)
    mean = reconstruction_loss(drawn, images, over_pixels="mean")
    torch.testing.assert_close(0.0005 * reconstruction_loss(drawn, images), 0.392 * mean)


def test_reconstruction_gradient_is_twice_the_error_over_the_batch():
    drawn = torch.rand(3, 2, 4, 5, requires_grad=True)
    images = torch.rand(3, 2, 4, 5)
    reconstruction_loss(drawn, images).backward()
    torch.testing.assert_close(drawn.grad, 2 * (drawn.detach() - images) / 3)


@pytest.mark.usefixtures("unchecked")
def test_pictures_of_another_shape_are_refused_and_never_broadcast():
    text = r"reconstruction_loss, images: .* \(2, 1, 4, 4\); got \(2, 4, 4\); build the decoder"
    with pytest.raises(ValueError, match=text):
        reconstruction_loss(torch.zeros(2, 1, 4, 4), torch.zeros(2, 4, 4))
