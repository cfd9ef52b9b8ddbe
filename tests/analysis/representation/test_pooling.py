"""What pooling loses, on images whose distances are known by hand."""

from math import inf, sqrt

import pytest
import torch
from torch import nn

import torchcaps as tc
from torchcaps.analysis.representation.pooling import (
    POOLS,
    measure_pooling,
    pooled_pair,
    pools,
    pools_and_layers,
)
from torchcaps.analysis.representation.representations import layers
from torchcaps.data.faces import draw

MODELS = ("cnn", "pooled_cnn", "capsnet_small")


def model_of(name, in_shape=(1, 32, 32)):
    torch.manual_seed(0)
    return tc.create_model(name, in_shape, 3)


def dots(size, *places):
    """One image a place (row, column, brightness)."""
    images = torch.zeros(len(places), 1, size, size)
    for image, (row, column, brightness) in zip(images, places, strict=True):
        image[0, row, column] = brightness
    return images


def plus_and_bar(plus, bar, size=32):
    """An image with a plus and a bar, centred at these places."""
    image = torch.zeros(1, 1, size, size)
    (r, c), (y, x) = plus, bar
    image[..., r - 1 : r + 2, c] = image[..., r, c - 1 : c + 2] = 1
    image[..., y, x - 1 : x + 2] = 0.75
    return image


@pytest.fixture(params=MODELS)
def model(request):
    return model_of(request.param)


def test_a_dot_that_stays_in_its_window_is_not_seen_to_move():
    """At the left edge of the windows of all sizes; half as bright in the second image."""
    faces = dots(16, (0, 0, 1.0), (8, 0, 0.5))
    found = measure_pooling(pools, faces, {}, pixels=(0, 1, 2, 3, 4, 7, 8, 16)).shifts
    seen = 1.5 * sqrt(2) / (2 * sqrt(1.25))  # a dot is gone here and another one is there
    hidden = {"maps": 0, "1 pool": 1, "2 pools": 3, "3 pools": 7}
    for pixels in (0, 1, 2, 3, 4, 7, 8):
        for name, most in hidden.items():
            wanted = 0 if pixels <= most else pytest.approx(seen)
            assert found[pixels][name] == wanted, (pixels, name)
        assert found[pixels]["global pool"] == 0
    # All have left the image; globally pooled, the faces are as far apart as 1 from 0.5.
    assert found[16]["3 pools"] == pytest.approx(1.5 / (2 * sqrt(1.25)))
    assert found[16]["global pool"] == pytest.approx(1.5)


def test_a_dot_at_the_end_of_its_windows_is_seen_to_move_at_once():
    found = measure_pooling(pools, dots(16, (0, 7, 1.0), (8, 7, 0.5)), {}, pixels=(1,))
    assert found.shifts[1].pop("global pool") == 0
    seen = 1.5 * sqrt(2) / (2 * sqrt(1.25))
    assert found.shifts[1] == pytest.approx(dict.fromkeys(POOLS[:-1], seen))


def test_the_identity_gives_distances_by_hand():
    faces = torch.tensor([[3.0, 0.0], [0.0, 4.0], [0.0, 0.0]]).reshape(3, 1, 1, 2)
    twins = torch.tensor([[0.0, 3.0], [0.0, 0.0], [1.0, 0.0]]).reshape(3, 1, 1, 2)
    weight = torch.tensor([[2.0, 0.0], [0.0, 0.0]])
    found = measure_pooling(
        lambda images: {
            "identity": images,
            "five times": 5 * images + 7,
            "left pixel": images.flatten(1) @ weight,
        },
        faces,
        {"twin": twins, "itself": faces},
        pixels=(),
        batch_size=2,
    )
    between = 5 + 4 + 3  # faces are 3-4-5, and the one after the last is the first
    assert found.twins["twin"]["identity"] == pytest.approx((3 * sqrt(2) + 4 + 1) / between)
    assert found.twins["twin"]["five times"] == pytest.approx((3 * sqrt(2) + 4 + 1) / between)
    assert found.twins["twin"]["left pixel"] == pytest.approx((3 + 0 + 1) / (3 + 0 + 3))
    assert set(found.twins["itself"].values()) == {0}
    assert found.scrambled()["left pixel"] == pytest.approx(2 / 3 / 2), "the mean over the kinds"
    assert found.images == 3


def test_what_is_the_same_of_all_faces_is_no_measure():
    faces = dots(4, (0, 0, 1.0), (3, 3, 1.0))
    found = measure_pooling(pools, faces, {"twin": faces, "dark": 0 * faces}, pixels=())
    assert found.twins["twin"]["global pool"] == 0
    assert found.twins["dark"]["global pool"] == inf


def test_parts_pooled_globally_are_the_same_wherever_they_are():
    """Twins by whole pixels: the same patches, apart, in other places."""
    faces = torch.cat([plus_and_bar((8, 8), (24, 20)), 0.5 * plus_and_bar((12, 8), (24, 24))])
    twins = torch.cat([plus_and_bar((24, 20), (8, 9)), 0.5 * plus_and_bar((24, 9), (9, 20))])
    pixels = measure_pooling(pools, faces, {"twin": twins}, pixels=()).twins["twin"]
    assert pixels["global pool"] == 0
    assert min(pixels[name] for name in POOLS[:-1]) > 0.5


def test_so_it_is_behind_a_networks_first_convolution(model):
    faces = torch.cat([plus_and_bar((8, 8), (24, 20)), 0.5 * plus_and_bar((12, 8), (24, 24))])
    twins = torch.cat([plus_and_bar((24, 20), (8, 9)), 0.5 * plus_and_bar((24, 9), (9, 20))])
    found = measure_pooling(pools_and_layers(model), faces, {"twin": twins}, pixels=()).twins[
        "twin"
    ]
    assert found["global pool"] == pytest.approx(0, abs=1e-6)
    assert min(found[name] for name in POOLS[:-1]) > 0.2


def test_pools_are_windows_of_2_4_and_8_and_nothing_is_dropped():
    torch.manual_seed(0)
    maps = torch.randn(2, 3, 30, 13)
    found = pools(maps)
    assert tuple(found) == POOLS
    assert torch.equal(found["maps"], maps)
    for name, side in (("1 pool", 2), ("2 pools", 4), ("3 pools", 8)):
        windows = [
            maps[:, :, r : r + side, c : c + side].amax((2, 3))
            for r in range(0, 30, side)
            for c in range(0, 13, side)
        ]
        assert torch.equal(found[name].flatten(2), torch.stack(windows, 2)), name
    assert torch.equal(found["global pool"].flatten(), maps.flatten(2).amax(2).flatten())


def test_the_first_maps_are_those_of_the_model(model):
    images = draw(2).images
    maps = next(iter(model.representations(images).values()))
    _, (_, first), *_ = layers(model, images).items()
    assert maps.ndim == 4
    assert torch.equal(maps.flatten(1), first)
    assert (maps >= 0).all()


def test_the_pair_to_look_at_is_one_channel_pooled(model):
    face, twin = draw(1, ("face",)).images[0], draw(1, ("eyes below mouth",)).images[0]
    pair = pooled_pair(model, face, twin)
    assert list(pair) == ["image", *POOLS]
    assert torch.equal(pair["image"], torch.cat([face, twin]))
    with torch.no_grad():
        maps = next(iter(model.representations(torch.stack([face, twin])).values()))
    variances = maps[0].flatten(1).var(1)
    channel = [k for k in range(maps.shape[1]) if torch.equal(maps[:, k], pair["maps"])]
    assert [variances[k] for k in channel] == [variances.max()]
    pooled = pools(maps)
    for name in POOLS:
        assert torch.equal(pair[name], pooled[name][:, channel[0]])


def test_every_model_has_the_pools_the_pixels_and_its_own_layers(model):
    faces, twin = draw(6, ("face",)).images, draw(6, ("nose on forehead",)).images
    found = measure_pooling(pools_and_layers(model), faces, {"twin": twin}, pixels=(1,))
    own = [name for name in list(layers(model, faces))[2:] if name != "pose of the class"]
    assert list(found.twins["twin"]) == list(found.shifts[1]) == [*POOLS, "image", *own]
    for values in (*found.twins.values(), *found.shifts.values()):
        assert all(0 < value < 5 for value in values.values())
    if model.name == "cnn":
        assert found.twins["twin"]["1 pool"] == pytest.approx(found.twins["twin"]["pool 1"])


def test_all_but_the_pixels_follow_from_the_weights(model):
    """So a trained network has numbers of its own."""
    faces, twin = draw(6, ("face",)).images, draw(6, ("nose on forehead",)).images
    before = measure_pooling(pools_and_layers(model), faces, {"twin": twin}, pixels=()).twins[
        "twin"
    ]
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, nn.Conv2d):
                layer.weight.mul_(-1)
    after = measure_pooling(pools_and_layers(model), faces, {"twin": twin}, pixels=()).twins["twin"]
    assert {name for name in before if before[name] == after[name]} == {"image"}


def test_one_face_has_no_other_to_be_compared_with(model):
    face = draw(1, ("face",)).images
    with pytest.raises(ValueError, match=r"measure_pooling, faces: expected at least 2.* got 1"):
        measure_pooling(pools_and_layers(model), face, {"twin": face})


def test_a_model_of_another_kind_is_refused():
    model, face = model_of("equivariant_capsnet"), draw(2, ("face",)).images
    with pytest.raises(ValueError, match="pools, model") as error:
        measure_pooling(pools_and_layers(model), face, {"twin": face})
    assert str(error.value) == (
        "pools, model: expected one that begins with a convolution and ReLU; got "
        "equivariant_capsnet, whose maps have orientations; take a capsnet, cnn or pooled_cnn"
    )


def test_differences_by_rounding_alone_count_as_none():
    """The same for all but for the last digit of float32."""
    faces = dots(4, (0, 0, 1.0), (3, 3, 0.5), (1, 2, 0.25))
    found = measure_pooling(
        lambda images: {"nearly": 1 + 1e-7 * images, "pixels": images},
        faces,
        {"twin": faces.roll(-1, 0), "bright": faces + 1},
        pixels=(),
    ).twins
    assert (found["twin"]["nearly"], found["bright"]["nearly"]) == (0, 0)
    assert found["twin"]["pixels"] == pytest.approx(1)
