"""MNIST and Fashion-MNIST: 60,000 training and 10,000 test images of 28 x 28, ten classes."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from .dataset import ImageDataset
from .fetch import data_root, find, locate
from .idx import read_idx
from .registry import Root
from .splits import hold_out

_SPLIT_SEED = 2017
_TRAINING_IMAGES_PER_HELD = 12  # 60,000 / 12 = 5,000 images for validation

_FILES = {  # images, labels
    "train": ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
    "test": ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
}

_MNIST_URL = "https://ossci-datasets.s3.amazonaws.com/mnist/"
_MNIST_SHA256 = {
    "train": (
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    ),
    "test": (
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
}
_MNIST_CLASSES = tuple("0123456789")

_FASHION_URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
_FASHION_SHA256 = {
    "train": (
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    ),
    "test": (
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
}
_FASHION_CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip


def mnist(split: str, root: Root) -> ImageDataset:
    """Handwritten digits (LeCun, Cortes, Burges 1998); files in `root`/mnist/."""
    images, labels = _read(data_root(root) / "mnist", split, _MNIST_URL, _MNIST_SHA256)
    return _cut(ImageDataset(images, labels, _MNIST_CLASSES, name="mnist", split=split))


def mnist_parts(split: str, root: Root) -> list[ImageDataset]:
    """This split of `mnist`; of "train+validation" both, so that what is made of one of them at
    random is the same whichever is asked for."""
    parts = ("train", "validation") if split == "train+validation" else (split,)
    return [mnist(part, root) for part in parts]


def mnist_on_disk(split: str, root: Root = None) -> bool:
    """Whether the files of this split are in `root`/mnist/; nothing is downloaded."""
    files = _FILES["test" if split == "test" else "train"]
    return all(find(data_root(root) / "mnist", file) for file in files)


def fashion_mnist(split: str, root: Root) -> ImageDataset:
    """Clothes (Xiao, Rasul, Vollgraf 2017); files in `root`/fashion_mnist/."""
    images, labels = _read(data_root(root) / "fashion_mnist", split, _FASHION_URL, _FASHION_SHA256)
    return _cut(ImageDataset(images, labels, _FASHION_CLASSES, name="fashion_mnist", split=split))


def _read(
    folder: Path, split: str, url: str, sha256: dict[str, tuple[str, str]]
) -> tuple[Tensor, Tensor]:
    """The images [N,1,28,28] and labels [N] of the files that hold this split."""
    part = "test" if split == "test" else "train"
    images_file, labels_file = (
        locate(folder, file, url, digest)
        for file, digest in zip(_FILES[part], sha256[part], strict=True)
    )
    images, labels = read_idx(images_file, axes=3), read_idx(labels_file, axes=1)
    if images.shape[1:] != (28, 28) or len(images) != len(labels):
        raise ValueError(
            f"{folder.name}, {images_file} and {labels_file.name}: expected as many labels as "
            f"images of 28 x 28; got {len(labels)} labels and images {list(images.shape)}; "
            "delete both files and fetch or copy them again"
        )
    return images.unsqueeze(1), labels


def _cut(dataset: ImageDataset) -> ImageDataset:
    """The part of the training images that this split names; other splits are whole already."""
    if dataset.split in ("test", "train+validation"):
        return dataset
    held = len(dataset) // _TRAINING_IMAGES_PER_HELD
    return dataset.subset(hold_out(len(dataset), held, _SPLIT_SEED)[dataset.split])
