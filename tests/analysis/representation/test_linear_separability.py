"""Separability by a linear classifier, where it is known."""

import pytest
import torch

import torchcaps as tc
from torchcaps.analysis.representation.linear_separability import (
    measure_linear_separability,
)
from torchcaps.analysis.representation.pooling import POOLS, pools, pools_and_layers
from torchcaps.data.faces import draw


def pixels(values):
    """Images of one row from [N, W]."""
    return torch.as_tensor(values, dtype=torch.float32)[:, None, None]


def as_they_are(images):
    return {"pixels": images}


def placed(rows, size=16):
    """A dot of its own brightness an image, in the upper half or in the lower one, as `rows`."""
    images = torch.zeros(len(rows), 1, size, size)
    for k, row in enumerate(rows):
        images[k, 0, row, (3 * k) % size] = 0.5 + (k % 7) / 14
    return images


def test_a_twin_that_is_the_face_is_not_separable():
    """Both get the same class, so that half of all are classified correctly."""
    torch.manual_seed(0)
    faces = torch.rand(40, 1, 3, 3)
    assert measure_linear_separability(as_they_are, faces, {"itself": faces}) == {"pixels": 50}


def test_images_that_are_all_the_same_are_not_separable():
    found = measure_linear_separability(
        as_they_are, torch.ones(12, 1, 2, 2), {"same": torch.ones(12, 1, 2, 2)}
    )
    assert found == {"pixels": 50}


def test_one_pixel_separates_and_kinds_are_averaged():
    torch.manual_seed(0)
    noise = torch.rand(40, 5)
    faces, bright, same = noise.clone(), noise.clone(), noise.clone()
    bright[:, 2] += 5
    found = measure_linear_separability(
        as_they_are, pixels(faces), {"bright": pixels(bright), "same": pixels(same)}
    )
    assert found == {"pixels": 75}


def test_what_no_plane_divides_is_not_separable():
    """Faces lie on both sides of their twins."""
    faces = torch.tensor([[-3.0], [3.0]]).repeat(40, 1)
    found = measure_linear_separability(as_they_are, pixels(faces), {"between": pixels(0 * faces)})
    assert found["pixels"] <= 60


def test_places_are_separable_until_the_pool_is_as_large_as_their_distance():
    """Dots four rows apart, in one window of 8x8 and in two of 4x4."""
    rows = torch.zeros(64, dtype=torch.long)
    found = measure_linear_separability(
        pools, placed(rows.tolist()), {"lower": placed((rows + 4).tolist())}
    )
    assert {name: found[name] for name in POOLS[:3]} == dict.fromkeys(POOLS[:3], 100)
    assert found["3 pools"] == found["global pool"] == 50


def test_the_classifier_is_tested_on_held_out_images():
    """Random images: separable where fitted, not elsewhere."""
    torch.manual_seed(0)
    found = measure_linear_separability(
        as_they_are, torch.rand(80, 1, 20, 20), {"other": torch.rand(80, 1, 20, 20)}
    )
    assert 20 <= found["pixels"] <= 80


@pytest.mark.parametrize("name", ["cnn", "pooled_cnn", "capsnet_small"])
def test_every_model_has_the_pools_and_its_layers(name):
    torch.manual_seed(0)
    model = tc.create_model(name, (1, 32, 32), 3)
    faces, twins = draw(24, ("face",)).images, draw(24, ("nose on forehead",)).images
    found = measure_linear_separability(pools_and_layers(model), faces, {"twin": twins})
    assert list(found)[: len(POOLS) + 1] == [*POOLS, "image"]
    assert len(found) > len(POOLS) + 1
    assert all(0 <= share <= 100 for share in found.values())
    assert found == pytest.approx(
        measure_linear_separability(pools_and_layers(model), faces, {"twin": twins})
    )
    assert (
        found["image"] == measure_linear_separability(as_they_are, faces, {"twin": twins})["pixels"]
    )


def test_batches_of_any_size_give_the_same():
    faces, twins = draw(12, ("face",)).images, draw(12, ("nose on forehead",)).images
    together = measure_linear_separability(pools, faces, {"twin": twins})
    assert together == measure_linear_separability(pools, faces, {"twin": twins}, batch_size=5)


def test_too_few_faces_and_models_of_another_kind_are_refused():
    faces = draw(7, ("face",)).images
    with pytest.raises(
        ValueError, match=r"linear_separability, faces and twins: .* got 7 and 1; draw"
    ):
        measure_linear_separability(pools, faces, {"twin": faces})
    with pytest.raises(
        ValueError, match=r"linear_separability, faces and twins: .* got 8 and 0; draw"
    ):
        measure_linear_separability(pools, draw(8).images, {})
    with pytest.raises(ValueError, match="pools, model: expected one that begins"):
        measure_linear_separability(
            pools_and_layers(tc.create_model("equivariant_capsnet", (1, 32, 32), 3)),
            draw(8).images,
            {"twin": draw(8).images},
        )
