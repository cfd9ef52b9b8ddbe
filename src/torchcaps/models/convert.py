"""Weights that others published, as models of this library. No pickled code is run."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor

from torchcaps.models.create import create_model
from torchcaps.models.model import Model
from torchcaps.models.sources import SOURCES
from torchcaps.options import check_choice
from torchcaps.quoting import cut, listed

State = dict[str, Tensor]


def convert(path: str | Path, source: str) -> Model:
    """The model that a file of someone else's weights holds, in evaluation mode.

    Args:
        path: the file.
        source: whose it is, one of `SOURCES`:
            "efficient_capsnet": Keras weights (.h5) of EscVM/Efficient-CapsNet, for MNIST,
            smallNORB or MultiMNIST; needs h5py.
            "heinsen2019": the state dict of glassroom/heinsen_routing_2019_paper.
            "xifengguo": a state dict of XifengGuo/CapsNet-Pytorch, whose primary capsules mix
            positions (`PrimaryCapsules(mixed=True)`).
            "adambielski": one of adambielski/CapsNet-pytorch, with or without its decoder, trained
            with its 3 updates of the couplings (4 iterations here).

    Raises a `ValueError` for another source, a file that cannot be read, or weights of another
    network.
    """
    check_choice("convert", "source", source, list(SOURCES))
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"convert, {path}: expected a file; there is none; check the path")
    return SOURCES[source](path, f"convert, {path}").eval()


def take(model: Model, state: Mapping[str, Tensor], where: str) -> Model:
    """`model` with this state, whose names and shapes must be its own."""
    own = model.state_dict()
    differing = sorted({*own} ^ {*state}) or [
        name for name, value in own.items() if value.shape != state[name].shape
    ]
    if differing:
        raise _other(where, f"the weights of {model.name}", listed(differing))
    model.load_state_dict(state)
    return model


def read_state(path: Path, where: str) -> State:
    """A state dict that torch saved: tensors alone, on the CPU."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise ValueError(
            f"{where}: expected a state dict of tensors, as torch.save writes it; got one that "
            f"cannot be read ({cut(error)}); save model.state_dict() anew"
        ) from None
    if not isinstance(state, dict) or not all(isinstance(x, Tensor) for x in state.values()):
        raise ValueError(
            f"{where}: expected a state dict of tensors; got {type(state).__name__} with other "
            "content; save model.state_dict()"
        )
    return {name.removeprefix("module."): value for name, value in state.items()}


def _other(where: str, expected: str, got: str) -> ValueError:
    return ValueError(
        f"{where}: expected {expected}; got others ({got}); check which network the file is of"
    )


def _renamed(state: State, names: Iterable[tuple[str, str]], where: str) -> State:
    """The state with the first prefix of `names` that fits replaced by its second."""
    found = {}
    for name, value in state.items():
        for before, after in names:
            if name.startswith(before):
                found[after + name.removeprefix(before)] = value
                break
        else:
            raise _other(where, f"names that begin with {listed(b for b, _ in names)}", name)
    return found


def _needed(state: State, where: str, *names: str) -> list[tuple[int, ...]]:
    """The shapes of these."""
    if missing := [name for name in names if name not in state]:
        raise _other(where, "the weights of its source", f"{listed(missing)} missing")
    return [tuple(state[name].shape) for name in names]


def heinsen2019(path: Path, where: str) -> Model:
    """A source of `convert`."""
    state = {k: v for k, v in read_state(path, where).items() if not k.endswith("CONST_one")}
    needed = ("convolve.1.weight", "compute_a.1.weight", "routings.1.W")
    (channels, inputs, *_), (types, *_), (hidden, classes, side, _) = _needed(state, where, *needed)
    model = create_model(
        "heinsen_capsnet",
        (inputs - 2, 96, 96),
        classes,
        channels=channels,
        types=types,
        hidden=hidden,
        side=side,
    )
    names: list[tuple[str, str]] = [
        ("convolve.", "features."),
        ("compute_a.", "activate."),
        ("compute_mu.", "pose."),
    ]
    for layer, name in (("routings.0.", "first."), ("routings.1.", "capsules.")):
        state[f"{layer}B"] = state[f"{layer}B"].flatten(2)
        names += [(f"{layer}W", f"{name}weight"), (f"{layer}B", f"{name}vote_bias")]
        names.append((f"{layer}beta", f"{name}routing.beta"))
    return take(model, _renamed(state, names, where), where)


def xifengguo(path: Path, where: str) -> Model:
    """A source of `convert`."""
    state = read_state(path, where)
    (inputs_of_stem, digits) = _needed(state, where, "conv1.weight", "digitcaps.weight")
    classes, children, pose_dim, dim = digits
    state["digitcaps.weight"] = state["digitcaps.weight"].transpose(0, 1)
    names = [("conv1.", "stem."), ("primarycaps.conv2d.", "primary.conv.")]
    names += [("digitcaps.", "capsules."), ("decoder.", "decoder.")]
    model = create_model(
        "capsnet",
        _square(inputs_of_stem[1], children * dim, state["primarycaps.conv2d.weight"].shape[0]),
        classes,
        style="port",
        mixed=True,
        pose_dim=pose_dim,
    )
    return take(model, _renamed(state, names, where), where)


def adambielski(path: Path, where: str) -> Model:
    """A source of `convert`."""
    state = {k.removeprefix("capsnet."): v for k, v in read_state(path, where).items()}
    drawn = "reconstruction_net.fc1.weight" in state
    weights, prior = "digitCaps.weights", "digitCaps.routing_module.b"
    stem, (children, dim, _), (_, classes) = _needed(state, where, "conv1.weight", weights, prior)
    state[weights] = state[weights].transpose(1, 2).unflatten(1, (classes, -1))
    model = create_model(
        "capsnet",
        _square(stem[1], children * dim, state["primaryCaps.conv.weight"].shape[0]),
        classes,
        style="port",
        detach=False,
        iterations=4,
        routing_options={"prior": True},
        pose_dim=state[weights].shape[2],
        decoder="mlp" if drawn else "none",
    )
    names = [("conv1.", "stem."), ("primaryCaps.conv.", "primary.conv.")]
    names += [(weights, "capsules.weight"), (prior, "capsules.routing.prior")]
    names += [(f"reconstruction_net.fc{k}.", f"decoder.{2 * k - 2}.") for k in (1, 2, 3)]
    return take(model, _renamed(state, names, where), where)


def _square(channels: int, numbers: int, last_channels: int) -> tuple[int, int, int]:
    """The images whose primary map has so many numbers: two convolutions of 9x9, the second with
    stride 2."""
    side = round((numbers / last_channels) ** 0.5)
    return channels, 2 * side + 16, 2 * side + 16
