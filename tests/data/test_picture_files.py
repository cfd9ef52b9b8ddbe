"""Folders that are larger than what is held in memory."""

import pickle
import time
import warnings

import pytest
import torch
from torch.utils.data import DataLoader

from torchcaps.data import ImageDataset, load_dataset, match_classes
from torchcaps.data.picture_files import PictureFiles

SIZE = {"size": 8, "channels": 1}


@pytest.fixture
def large(monkeypatch):
    """Held are at most 4 pictures of 8 x 8."""
    monkeypatch.setattr("torchcaps.data.picture_files.HELD_BYTES", 4 * 64)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*are read from the disk")
        yield


@pytest.fixture
def both(picture_folder, monkeypatch):
    """The training pictures as they are held, and as they are read."""
    held = load_dataset("folder", "train", picture_folder, **SIZE)
    monkeypatch.setattr("torchcaps.data.picture_files.HELD_BYTES", 4 * 64)
    with pytest.warns(UserWarning, match="'folder', train: 20 pictures of together 0.0 GB are rea"):
        read = load_dataset("folder", "train", picture_folder, **SIZE)
    return held, read


def test_what_is_read_is_what_is_held_bit_for_bit(both):
    held, read = both
    assert (type(held), type(read)) == (ImageDataset, PictureFiles)
    assert repr(read).removeprefix("PictureFiles") == repr(held).removeprefix("ImageDataset")
    assert read.in_shape == held.in_shape
    assert torch.equal(read.labels, held.labels)
    for chosen in ([3], [19, 0, 7, 7], [-1, -20], torch.tensor([4, 5]), range(2)):
        for part, wanted in zip(read.batch(chosen), held.batch(chosen), strict=True):
            assert part.dtype == wanted.dtype
            assert torch.equal(part, wanted)
    image, label = read[5]
    assert torch.equal(image, held[5][0])
    assert label == held[5][1]


def test_batches_are_read_ahead_in_order(both):
    held, read = both
    chosen = [[1, 2], [0], [19, 3, 4]]
    for got, indices in zip(read.batches(iter(chosen)), chosen, strict=True):
        assert torch.equal(got[0], held.batch(indices)[0])
    assert list(read.batches([])) == []


def test_the_next_batch_is_read_meanwhile(both, monkeypatch):
    _, read = both
    asked = []
    monkeypatch.setattr(read, "batch", asked.append)
    batches = read.batches([[0], [1], [2]])
    next(batches)
    deadline = time.monotonic() + 10
    while len(asked) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert asked == [[0], [1]]


def test_a_part_is_read_too_unless_it_is_small(both):
    held, read = both
    mask = held.labels == 1
    for part, wanted in (
        (read.subset(mask), held.subset(mask)),
        (read.sample(9, seed=1), held.sample(9, seed=1)),
        (read.first(3), held.first(3)),
        (read.relabelled(1 - read.labels, ("x", "y")), held.relabelled(1 - held.labels, "xy")),
        (match_classes(read, ("light", "dark"), ""), match_classes(held, ("light", "dark"), "")),
    ):
        assert isinstance(part, PictureFiles) == (len(part) > 4)
        assert part.classes == wanted.classes
        for start in range(0, len(part), 4):
            chosen = range(start, min(start + 4, len(part)))
            assert torch.equal(part.batch(chosen)[0], wanted.batch(chosen)[0])
        assert torch.equal(part.labels, wanted.labels)
    with pytest.raises(ValueError, match="subset, indices: expected at least one; got none"):
        read.subset([])
    with pytest.raises(ValueError, match=r"labels: expected one for each of the 20 .* shape \(3,"):
        read.relabelled(torch.tensor([0, 1, 0]), ("a", "b"))


def test_a_loader_of_torch_reads_it_also_with_workers(both):
    held, read = both
    loader = DataLoader(read, batch_size=4, num_workers=1, collate_fn=ImageDataset.collate)
    images = torch.cat([images for images, _ in loader])
    assert torch.equal(images, held.batch(range(20))[0])
    assert torch.equal(pickle.loads(pickle.dumps(read))[7][0], held[7][0])


def test_the_tensor_of_all_images_is_refused_in_a_sentence(both):
    with pytest.raises(AttributeError, match="folder, images: expected images that are held in"):
        _ = both[1].images
    assert not hasattr(both[1], "other")


def test_a_batch_of_everything_is_refused(both):
    with pytest.raises(ValueError, match=r"folder.batch, indices: expected pictures of at most .*"):
        both[1].batch(range(20))


@pytest.fixture
def broken(tmp_path, write_pictures):
    """Pictures for training alone, three of which are empty, another thing, and cut short."""
    for name in ("a", "b"):
        write_pictures(tmp_path / "train" / name, range(10), (40, 40))
        write_pictures(tmp_path / "val" / name, range(3))
    names = [tmp_path / "train" / "a" / f"00{k}.png" for k in (3, 4, 5)]
    cut = names[2].read_bytes()[:60]
    for name, content in zip(names, (b"", b"no picture", cut), strict=True):
        name.write_bytes(content)
    return tmp_path


def test_files_that_cannot_be_held_are_named_and_counted(broken):
    text = r"a.003\.png: expected a picture; got an empty file; .* \(and 2 other files\)$"
    with pytest.raises(ValueError, match=text):
        load_dataset("folder", "train", broken, **SIZE)


@pytest.mark.usefixtures("large")
def test_before_reading_size_and_header_are_looked_at(broken):
    text = r"a.003\.png: expected a picture; got an empty file; .* \(and 1 other files\)$"
    with pytest.raises(ValueError, match=text):
        load_dataset("folder", "train", broken, **SIZE)
    for k in (3, 4):
        (broken / "train" / "a" / f"00{k}.png").unlink()
    read = load_dataset("folder", "train", broken, **SIZE)
    assert read.batch([4])[0].shape == (1, 1, 8, 8)
    with pytest.raises(ValueError, match=r"a.005\.png: expected a whole PNG.* cannot be decoded"):
        read.batch([2, 3])


@pytest.mark.usefixtures("large")
def test_a_file_that_is_gone_when_its_turn_comes_is_named(picture_folder):
    read = load_dataset("folder", "train", picture_folder, **SIZE)
    assert isinstance(read, PictureFiles)
    read.files[2].unlink()
    with pytest.raises(ValueError, match=rf"{read.files[2].name}: .* got nothing there"):
        list(read.batches([[0, 1], [2, 3]]))
