"""The state of a run in one safetensors file, written whole: weights, Adam, randomness, place."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from torchcaps.files import write_whole


@dataclass
class Place:
    """Where a run stands: what a resumed run must know besides tensors."""

    epoch: int = 0
    """Epochs finished."""
    batches: int = 0
    """Batches done in the epoch after that."""
    loss_sum: float = 0.0
    """Of those batches."""
    best_accuracy: float = -1.0
    """On the validation images."""
    precision: dict[str, bool] = field(default_factory=dict)
    """What `precision: auto` chose; never measured again, so that resuming changes nothing."""


def save_checkpoint(
    path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, place: Place
) -> None:
    """Write the state of the run to `path`: the old file stays until the new one is complete."""
    tensors = {
        f"model.{name}": value.detach().cpu().contiguous()
        for name, value in model.state_dict().items()
    }
    for index, _, state in _moments(optimizer):
        for key, value in state.items():
            tensors[f"optimizer.{index}.{key}"] = value.detach().cpu().contiguous()
    tensors["random.cpu"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["random.cuda"] = torch.cuda.get_rng_state()
    write_whole(path, save(tensors, metadata={"place": json.dumps(asdict(place))}))


def load_checkpoint(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer) -> Place:
    """Put model, optimizer and randomness back as they were; returns the place.

    Adam's moments take the memory layout of their parameters, which must not change afterwards.

    Raises a `ValueError` where the file is missing, damaged or of another model.
    """
    tensors, place = _read(path)
    try:
        model.load_state_dict(_under("model.", tensors))
    except RuntimeError as error:
        raise ValueError(
            f"checkpoint {path}: expected the weights of this run's model; got others "
            f"({str(error).splitlines()[-1].strip()}); start a new run"
        ) from None
    saved = _under("optimizer.", tensors)
    for index, parameter, _ in _moments(optimizer):
        optimizer.state[parameter] = {
            key: _like(parameter, value) for key, value in _under(f"{index}.", saved).items()
        }
    torch.set_rng_state(tensors["random.cpu"])
    if "random.cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["random.cuda"])
    return place


def read_place(path: Path) -> Place:
    """The place alone. Raises a `ValueError` where the file is missing or damaged."""
    return _read(path)[1]


def _read(path: Path) -> tuple[dict[str, Tensor], Place]:
    if not path.is_file():
        raise ValueError(
            f"checkpoint {path}: expected a file to resume from; there is none; "
            "the run was stopped before its first epoch ended: start it again with --overwrite"
        )
    try:
        with safe_open(path, framework="pt") as file:
            place = Place(**json.loads((file.metadata() or {})["place"]))
            return {name: file.get_tensor(name) for name in file.keys()}, place  # noqa: SIM118
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"checkpoint {path}: expected one that torchcaps wrote; got a damaged or foreign file "
            f"({type(error).__name__}); start again with --overwrite"
        ) from None


def _moments(
    optimizer: torch.optim.Optimizer,
) -> Iterator[tuple[int, nn.Parameter, dict[str, Tensor]]]:
    parameters = (p for group in optimizer.param_groups for p in group["params"])
    for index, parameter in enumerate(parameters):
        yield index, parameter, optimizer.state.get(parameter, {})


def _like(parameter: Tensor, value: Tensor) -> Tensor:
    """`value` in the memory layout of its parameter; Adam's step counter stays where it was."""
    if value.shape != parameter.shape:
        return value.clone()
    return torch.empty_like(parameter).copy_(value)


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
