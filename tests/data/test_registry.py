import subprocess
import sys

import pytest
import torch

from torchcaps.data import ImageDataset, list_datasets, load_dataset
from torchcaps.data.catalogue import DATASETS, register
from torchcaps.data.splits import SPLITS


@pytest.fixture(params=list_datasets())
def source(request):
    """Every registered dataset with files to read; a new one must be given a root here."""
    roots = {
        "affnist": lambda: request.getfixturevalue("small_affnist"),
        "arrays": lambda: request.getfixturevalue("signals_file"),
        "cifar10": lambda: request.getfixturevalue("small_cifar"),
        "digits": lambda: None,
        "face_parts": lambda: None,
        "faces": lambda: None,
        "fashion_mnist": lambda: request.getfixturevalue("small_fashion"),
        "folder": lambda: request.getfixturevalue("picture_folder"),
        "mnist": lambda: request.getfixturevalue("mnist_root"),
        **dict.fromkeys(
            ("affine_mnist", "multimnist", "rotated_mnist"),
            lambda: request.getfixturevalue("small_mnist"),
        ),
        "smallnorb": lambda: request.getfixturevalue("small_norb"),
        "svhn": lambda: request.getfixturevalue("small_svhn"),
    }
    return request.param, roots[request.param]()


def load_all(source):
    name, root = source
    return {split: load_dataset(name, split, root) for split in SPLITS}


def rows(dataset):
    """The images and labels, one row of bytes each, in an order that does not matter."""
    images, labels = dataset.batch(range(len(dataset)))
    table = torch.cat([labels.reshape(len(labels), -1).float(), images.flatten(1)], dim=1)
    return sorted(map(bytes, table.numpy()))


def test_every_split_is_a_dataset_of_the_same_kind(source):
    loaded = load_all(source)
    for split, dataset in loaded.items():
        assert isinstance(dataset, ImageDataset)
        assert (dataset.name, dataset.split) == (source[0], split)
        assert dataset.in_shape == loaded["train"].in_shape
        assert dataset.classes == loaded["train"].classes
        if split != "validation":  # a small random one can miss a class
            several = dataset.task == "multilabel"
            found = dataset.labels.nonzero()[:, 1] if several else dataset.labels
            assert found.unique().tolist() == list(range(dataset.num_classes))


def test_train_and_validation_are_the_whole_training_set(source):
    loaded = load_all(source)
    assert 0 < len(loaded["validation"]) < len(loaded["train"])
    parts = rows(loaded["train"]) + rows(loaded["validation"])
    assert sorted(parts) == rows(loaded["train+validation"])


@pytest.mark.parametrize("split", SPLITS)
def test_a_split_is_the_same_on_every_call(source, split):
    name, root = source
    torch.manual_seed(1)
    once = load_dataset(name, split, root)
    torch.manual_seed(2)
    twice = load_dataset(name, split, root)
    everything = range(len(once))
    for first, second in zip(once.batch(everything), twice.batch(everything), strict=True):
        torch.testing.assert_close(first, second, rtol=0, atol=0, equal_nan=True)


def test_no_image_is_in_two_splits(source):
    """Where all images differ (MNIST itself has none twice; digits and ours too)."""
    loaded = load_all(source)
    train, validation, test = (set(rows(loaded[part])) for part in SPLITS[:3])
    assert not train & validation
    if source[0] != "fashion_mnist":  # whose synthetic test images repeat the training ones
        assert not (train | validation) & test


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("digit",), {}, "unknown dataset 'digit'; known: .*mnist.*; did you mean 'digits'?"),
        (
            ("digits", "tset"),
            {},
            "unknown split of dataset 'digits' 'tset'; known: train, .*'test'",
        ),
        (
            ("folder",),
            {"sise": 8},
            "unknown option .*'sise'; known: size, channels, fit; .*'size'",
        ),
        (("digits",), {"size": 8}, r"unknown option of dataset 'digits' 'size'.*\(it has none\)"),
    ],
)
def test_an_unknown_name_lists_the_known_ones_and_the_nearest(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        load_dataset(*arguments, **options)


def test_a_name_is_taken_once():
    with pytest.raises(ValueError, match="dataset 'digits' is registered already"):
        register("digits")(load_dataset)


def test_a_users_own_dataset_is_loaded_and_described_like_ours(monkeypatch):
    monkeypatch.setattr(DATASETS, "_entries", dict(DATASETS._entries))
    monkeypatch.setattr(DATASETS, "_abouts", dict(DATASETS._abouts))

    @register("dots")
    def dots(split, root, *, size=2):
        """White dots.

        size: pixels of a side.
        """
        return ImageDataset(torch.ones(3, 1, size, size), torch.tensor([0, 1, 0]), ("a", "b"))

    assert load_dataset("dots", size=5).in_shape == (1, 5, 5)
    assert DATASETS.about("dots") == "White dots."
    assert "dots" in list_datasets()


def test_importing_the_floor_leaves_downloads_and_pictures_alone():
    code = "import sys, torchcaps.data; print({'pooch', 'PIL.Image'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "set()", result.stderr
