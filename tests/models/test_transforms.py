"""Every registered model under the transforms of torch.func, in float64 against differences."""

import pytest
import torch
from torch.autograd import forward_ad
from torch.func import functional_call, grad, jacrev, jvp, vjp, vmap

from torchcaps.ops.routing import dynamic_chunked

STEP = 1e-7
BATCHES = pytest.mark.parametrize("batch", [2, 16], ids=["few", "many"])


@pytest.fixture
def model(build, small, small_options, monkeypatch):
    """Without constant couplings, which differences do not know; many images are tiled."""
    monkeypatch.setattr(dynamic_chunked, "FEW_VOTES", 0)
    known = {"decoder": "none"} if "decoder" in small.config else {}
    model = build(small.in_shape, 2, **{**small_options, **known}).double().eval()
    for layer in model.modules():
        if isinstance(getattr(layer, "detach", None), bool):
            layer.detach = False
    return model


@pytest.fixture
def images(model, batch):
    return draw(batch, *model.in_shape).sigmoid()


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def along(f, x, direction):
    """The derivative of `f` along a direction, by central differences."""
    return (f(x + STEP * direction) - f(x - STEP * direction)) / (2 * STEP)


def close(found, expected):
    largest = expected.abs().max()
    assert largest > 0
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5 * largest.item())


@BATCHES
def test_derivatives_of_the_scores(model, images):
    direction = draw(*images.shape, seed=1)

    def scores(x):
        return model(x).scores

    expected = along(scores, images, direction)
    close(jvp(scores, (images,), (direction,))[1], expected)
    with forward_ad.dual_level():
        dual = scores(forward_ad.make_dual(images, direction))
        close(forward_ad.unpack_dual(dual).tangent, expected)
    towards = draw(*expected.shape, seed=2)
    (pulled,) = vjp(scores, images)[1](towards)
    close((pulled * direction).sum(), (expected * towards).sum())
    one, d = images[:1], direction[:1]
    close((jacrev(scores)(one) * d).flatten(expected.ndim).sum(-1), along(scores, one, d))


@BATCHES
def test_derivatives_of_the_loss_along_the_parameters(model, images, labels_for):
    labels, loss = labels_for(model, *(k % 2 for k in range(len(images)))), model.make_loss()
    at = {name: p.detach() for name, p in model.named_parameters()}
    direction = {name: draw(*p.shape, seed=3) * p.abs().mean() for name, p in at.items()}

    def total(parameters):
        return loss(functional_call(model, parameters, (images, labels)), images, labels)

    def moved(by):
        return {name: p + by * direction[name] for name, p in at.items()}

    expected = (total(moved(STEP)) - total(moved(-STEP))) / (2 * STEP)
    gradients = grad(total)(at)
    close(sum((gradients[name] * d).sum() for name, d in direction.items()), expected)
    close(jvp(total, (at,), (direction,))[1], expected)


@BATCHES
def test_the_second_derivative_of_the_loss(model, images, labels_for):
    labels, loss = labels_for(model, *(k % 2 for k in range(len(images)))), model.make_loss()
    direction = draw(*images.shape)

    def total(x):
        return loss(model(x, labels), images, labels)

    expected = along(grad(total), images, direction)
    close(jvp(grad(total), (images,), (direction,))[1], expected)
    x = images.clone().requires_grad_()
    (first,) = torch.autograd.grad(total(x), x, create_graph=True)
    close(torch.autograd.grad((first * direction).sum(), x)[0], expected)


def test_gradients_of_each_image_are_those_of_a_loop(build, small, labels_for):
    small, loss = small.double(), small.make_loss()
    at = {name: p.detach() for name, p in small.named_parameters()}
    images, labels = draw(3, *small.in_shape).sigmoid(), labels_for(small, 1, 0, 1)

    def of_one(parameters, image, label):
        one = image[None], label[None]
        return loss(functional_call(small, parameters, one), *one)

    together = vmap(grad(of_one), (None, 0, 0))(at, images, labels)
    for n in range(3):
        alone = grad(of_one)(at, images[n], labels[n])
        for name, gradient in together.items():
            torch.testing.assert_close(gradient[n], alone[name])


def test_several_networks_answer_at_once_as_they_do_alone(build, small):
    small, images = small.double(), draw(2, *small.in_shape).sigmoid()
    at = {name: p.detach() for name, p in small.named_parameters()}
    several = {name: torch.stack([p, 1.5 * p]) for name, p in at.items()}
    with torch.no_grad():
        together = vmap(lambda p: functional_call(small, p, (images,)).scores)(several)
        for n in range(2):
            one = {name: p[n] for name, p in several.items()}
            torch.testing.assert_close(together[n], functional_call(small, one, (images,)).scores)
