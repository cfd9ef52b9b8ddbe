import pytest
import torch
from torch.utils.data import ConcatDataset, DataLoader, Subset

from torchcaps.data import ImageDataset


@pytest.fixture
def dataset():
    """Six 1x2x3 images; all pixels of image i are i, its label is i % 3."""
    images = torch.arange(6, dtype=torch.uint8)[:, None, None, None].expand(6, 1, 2, 3)
    return ImageDataset(images, torch.arange(6) % 3, ("a", "b", "c"), name="six", split="train")


def test_knows_its_shape_classes_and_origin(dataset):
    assert dataset.in_shape == (1, 2, 3)
    assert (dataset.num_classes, dataset.classes) == (3, ("a", "b", "c"))
    assert repr(dataset) == "ImageDataset('six', split='train', 6 images of (1, 2, 3), 3 classes)"


def test_a_sample_is_a_float_image_in_unit_range_and_its_label(dataset):
    image, label = dataset[5]
    torch.testing.assert_close(image, torch.full((1, 2, 3), 5 / 255), rtol=0, atol=0)
    assert image.dtype == torch.float32
    assert label == 2


def test_uint8_spans_the_whole_unit_range():
    images = torch.tensor([0, 255], dtype=torch.uint8).reshape(2, 1, 1, 1)
    batch, _ = ImageDataset(images, torch.tensor([0, 0]), ("a",)).batch([0, 1])
    assert batch.flatten().tolist() == [0.0, 1.0]


def test_float_pixels_are_handed_out_as_they_are():
    images = torch.tensor([0.0, 0.3, 1.0], dtype=torch.float64).reshape(3, 1, 1, 1)
    batch, _ = ImageDataset(images, torch.tensor([0, 0, 0]), ("a",)).batch([0, 1, 2])
    assert batch.dtype == torch.float32
    assert torch.equal(batch, images.float())


@pytest.mark.parametrize("collate", [ImageDataset.collate, None], ids=["fast", "default"])
@pytest.mark.parametrize(
    "wrap", [lambda d: d, lambda d: Subset(d, range(6)), lambda d: ConcatDataset([d])]
)
def test_every_loader_gives_the_same_batches(dataset, collate, wrap):
    loader = DataLoader(wrap(dataset), batch_size=4, collate_fn=collate)
    (first, first_labels), (second, second_labels) = loader
    expected, labels = dataset.batch(range(6))
    assert torch.equal(torch.cat([first, second]), expected)
    assert torch.equal(torch.cat([first_labels, second_labels]), labels)
    assert first.shape == (4, 1, 2, 3)
    assert first_labels.dtype == torch.int64


def test_collate_moves_a_whole_batch_without_a_copy(dataset):
    batch = dataset.__getitems__([4, 1])
    images, labels = ImageDataset.collate(batch)
    assert images is batch.images
    assert labels.tolist() == [1, 1]


def test_iteration_ends(dataset):
    assert [label for _, label in dataset] == [0, 1, 2, 0, 1, 2]


@pytest.mark.parametrize(
    "chosen", [[4, 1], torch.tensor([4, 1]), (4, 1)], ids=["list", "tensor", "tuple"]
)
def test_subset_keeps_the_order_asked_for(dataset, chosen):
    part = dataset.subset(chosen)
    assert part.images[:, 0, 0, 0].tolist() == [4, 1]
    assert part.labels.tolist() == [1, 1]
    assert (part.name, part.split, part.classes) == ("six", "train", ("a", "b", "c"))


def test_subset_takes_a_mask(dataset):
    assert dataset.subset(dataset.labels == 2).images[:, 0, 0, 0].tolist() == [2, 5]


def test_first_and_sample(dataset):
    assert dataset.first(2).images[:, 0, 0, 0].tolist() == [0, 1]
    drawn = dataset.sample(4, seed=3).images[:, 0, 0, 0].tolist()
    assert drawn == dataset.sample(4, seed=3).images[:, 0, 0, 0].tolist()
    assert len(set(drawn)) == 4
    assert any(
        drawn != dataset.sample(4, seed=other).images[:, 0, 0, 0].tolist() for other in range(5)
    )
    assert sorted(dataset.sample(6).images[:, 0, 0, 0].tolist()) == list(range(6))


@pytest.mark.parametrize("method", ["first", "sample"])
@pytest.mark.parametrize("n", [0, -1, 7])
def test_more_than_there_is_says_what_there_is(dataset, method, n):
    message = rf"six\.{method}, n: expected 1 to 6, .* split 'train'; got {n}; ask for fewer"
    with pytest.raises(ValueError, match=message):
        getattr(dataset, method)(n)


def test_an_empty_subset_is_refused(dataset):
    with pytest.raises(ValueError, match=r"six\.subset, indices: expected at least one; got none"):
        dataset.subset([])


ONE = torch.zeros(2, 1, 4, 4)
ZEROS = torch.zeros(2, dtype=torch.int64)


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (ONE[:, 0], ZEROS, r"images: expected \[N,C,H,W\].*got shape \(2, 4, 4\); add the missing"),
        (ONE[:0], ZEROS[:0], r"images: expected \[N,C,H,W\], none of them 0; got shape \(0, 1"),
        (ONE.long(), ZEROS, r"images: expected uint8 or floating; got torch\.int64"),
        (ONE + float("nan"), ZEROS, r"images: expected finite pixels; got 32 NaN or infinite"),
        (ONE - float("inf"), ZEROS, r"images: expected finite pixels; got 32 NaN or infinite"),
        (ONE + 255, ZEROS, r"images: expected pixels in \[0,1\]; got 255 to 255; scale them"),
        (ONE - 0.5, ZEROS, r"images: expected pixels in \[0,1\]; got -0\.5 to -0\.5"),
        (ONE, ZEROS[:1], r"labels: expected one for each of the 2 images, \[2\].*got shape \(1,\)"),
        (ONE, ZEROS[:, None], r"labels: expected one for each .* got shape \(2, 1\)"),
        (ONE, ZEROS.float(), r"labels: expected integers; got torch\.float32; convert with"),
        (ONE, ZEROS + 2, r"labels: expected 0 to 1 for 2 classes; got 2 to 2; number the classes"),
        (ONE, ZEROS - 1, r"labels: expected 0 to 1 for 2 classes; got -1 to -1"),
    ],
)
def test_wrong_content_is_refused(images, labels, message):
    with pytest.raises(ValueError, match="ImageDataset 'mine', " + message):
        ImageDataset(images, labels, ("a", "b"), name="mine")
