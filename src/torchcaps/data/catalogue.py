"""The datasets by name. A loader, and torch with it, is imported when its dataset is asked for."""

from collections.abc import Callable
from typing import Any

from torchcaps.lazy import imported
from torchcaps.registry import Registry

Loader = Callable[..., Any]
"""`(split, root, **options) -> ImageDataset`; keyword-only parameters are the dataset's options."""

DATASETS: Registry[Loader] = Registry("dataset")
for _name, (_loader, _about) in {
    "digits": ("digits:digits", "Handwritten digits of 8x8 pixels (UCI), part of the package."),
    "faces": ("faces:faces", "Drawn faces, houses and cars of the same parts; scrambled faces."),
    "face_parts": ("faces:face_parts", "Drawn faces with masks of their parts (segmentation)."),
    "folder": ("folder:folder", "Your pictures, in --root: one folder for each class."),
    "arrays": ("arrays:arrays", "Your images, signals or volumes: one .npz file, in --root."),
    "mnist": ("mnist:mnist", "Handwritten digits of 28x28 pixels; 11 MB, fetched once."),
    "multimnist": (
        "multimnist:multimnist",
        "Two overlapping digits of MNIST, 36x36; made from its files.",
    ),
    "affine_mnist": (
        "moved_mnist:affine_mnist",
        "MNIST on 40x40, under affine maps; made from its files.",
    ),
    "rotated_mnist": (
        "moved_mnist:rotated_mnist",
        "MNIST, each rotated by any angle; made from its files.",
    ),
    "fashion_mnist": ("mnist:fashion_mnist", "Clothes, 28x28 pixels; 30 MB, fetched once."),
    "smallnorb": (
        "smallnorb:smallnorb",
        "Toys from two cameras, 162 viewpoints; 250 MB, fetched once.",
    ),
    "cifar10": ("cifar10:cifar10", "Colour pictures of ten kinds, 32x32; 170 MB, fetched once."),
    "affnist": ("affnist:affnist", "MNIST, affinely transformed (Tieleman), 40x40; fetched once."),
    "svhn": ("svhn:svhn", "House numbers in colour, 32x32; 250 MB, fetched once."),
}.items():
    DATASETS.add_lazy(_name, _about, lambda loader=_loader: imported(f"torchcaps.data.{loader}"))


def register(name: str) -> Callable[[Loader], Loader]:
    """Decorator: make a loader known as `load_dataset(name)`, see `Loader`; the first line of its
    docstring is what `torchcaps datasets` says of it."""

    def enter(loader: Loader) -> Loader:
        about = (loader.__doc__ or "").strip().partition("\n")[0]
        return DATASETS.add(name, about)(loader)

    return enter


def list_datasets() -> list[str]:
    """The names `load_dataset` knows, sorted."""
    return sorted(DATASETS)
