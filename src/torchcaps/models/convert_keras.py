"""The weights of Efficient-CapsNet as its authors published them, in Keras' HDF5."""

import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from torchcaps.models.convert import State, take
from torchcaps.models.create import create_model
from torchcaps.models.model import Model
from torchcaps.quoting import cut


class _Published(NamedTuple):
    preset: str
    in_shape: tuple[int, int, int]
    options: dict[str, Any]


# By the sizes of the first kernel and of the depthwise one.
_PUBLISHED = {
    (7, 8): _Published("efficient_capsnet_smallnorb", (2, 48, 48), {}),
    (5, 9): _Published("efficient_capsnet", (1, 28, 28), {}),
    (5, 5): _Published("efficient_capsnet", (1, 36, 36), {"stride": 2}),
}
_KERNEL, _DECODER = r"conv2d(_\d+)?/kernel:0", "Generator/"
_MLP = "decoder.0", "decoder.2", "decoder.4"


def efficient_capsnet(path: Path, where: str) -> Model:
    """A source of `convert`."""
    arrays = _read(path, where)
    encoder = [x for x in _in_order(arrays, _KERNEL, "") if not x.startswith(_DECODER)]
    weights = [name for name in arrays if name.endswith("/W:0")]
    ends = (encoder[0], encoder[-1]) if len(encoder) == 5 else ()
    sizes = [arrays[name].shape[0] for name in ends]
    published = _PUBLISHED.get((sizes[0], sizes[1])) if ends else None
    if published is None or len(weights) != 1:
        raise ValueError(
            f"{where}: expected the weights of an Efficient-CapsNet for MNIST, smallNORB or "
            f"MultiMNIST; got kernels of {sizes or 'others'}; check which network the file is of"
        )
    preset, in_shape, options = published
    transforms = arrays[weights[0]]
    state: State = {
        "capsules.weight": transforms.permute(1, 0, 3, 2),
        "capsules.routing.prior": arrays[weights[0].replace("/W:0", "/b:0")][..., 0].T,
    }
    for k, name in enumerate(encoder[:-1]):
        state |= _layer(arrays, name, f"features.{3 * k}")
    state |= _layer(arrays, encoder[-1], "primary")
    norms = _in_order(arrays, r"normalization(_\d+)?/gamma:0", "")
    for k, name in enumerate(norms):
        layer = name.removesuffix("gamma:0")
        found = {"weight": "gamma", "bias": "beta"}
        found |= {"running_mean": "moving_mean", "running_var": "moving_variance"}
        state |= {
            f"features.{3 * k + 2}.{own}": arrays[f"{layer}{theirs}:0"]
            for own, theirs in found.items()
            if f"{layer}{theirs}:0" in arrays
        }
        if "batch" in layer:
            state[f"features.{3 * k + 2}.num_batches_tracked"] = torch.tensor(0)
    dense = _in_order(arrays, r"dense(_\d+)?/kernel:0", _DECODER)
    drawn = _in_order(arrays, _KERNEL, _DECODER)
    places = [f"decoder.layers.{k}" for k in (0, 3, 6, 9, 11)] if drawn else []
    for name, place in zip([*dense, *drawn], places or _MLP, strict=False):
        state |= _layer(arrays, name, place)
    if not dense:
        options = {**options, "decoder": "none"}
    model = create_model(
        preset,
        in_shape,
        len(transforms),
        types=transforms.shape[1],
        primary_dim=transforms.shape[2],
        pose_dim=transforms.shape[3],
        **options,
    )
    return take(model, {name: value.contiguous() for name, value in state.items()}, where)


def _read(path: Path, where: str) -> State:
    """All arrays by their paths."""
    try:
        import h5py
    except ModuleNotFoundError:
        raise ValueError(
            "convert: expected h5py, which reads .h5; it is not installed; run: pip install "
            "'torchcaps[convert]'"
        ) from None
    arrays: State = {}

    def keep(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            arrays[name] = torch.from_numpy(np.asarray(item[()], dtype=np.float32))

    try:
        with h5py.File(path) as file:
            file.visititems(keep)
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(
            f"{where}: expected weights that Keras saved as HDF5; got a file that cannot be read "
            f"({cut(error)}); fetch it again"
        ) from None
    return arrays


def _in_order(arrays: State, pattern: str, group: str) -> list[str]:
    """Names that end so, in the order in which Keras numbered their layers."""
    found = [name for name in arrays if re.search(f"{pattern}$", name) and name.startswith(group)]
    return sorted(found, key=lambda name: int((re.findall(r"_(\d+)/", name) or [0])[-1]))


def _layer(arrays: State, kernel: str, name: str) -> State:
    """Weight and bias of a layer: Keras keeps the inputs before the outputs."""
    weight: Tensor = arrays[kernel]
    weight = weight.T if weight.ndim == 2 else weight.permute(3, 2, 0, 1)
    return {f"{name}.weight": weight, f"{name}.bias": arrays[kernel.replace("kernel", "bias")]}
