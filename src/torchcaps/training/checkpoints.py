"""The state of a run in one safetensors file: weights, optimizer, randomness, place."""

import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from torchcaps.files import write_whole
from torchcaps.training.optimizer import remembers
from torchcaps.training.place import Place


@dataclass(frozen=True)
class Checkpoint:
    """A file that was read: foreign and damaged ones are refused before anything is changed."""

    path: Path
    place: Place
    tensors: dict[str, Tensor]

    @classmethod
    def read(cls, path: Path) -> "Checkpoint":
        """Raises a `ValueError` where the file is damaged or none of ours."""
        try:
            with safe_open(path, framework="pt") as file:
                place = Place.from_json((file.metadata() or {})["place"])
                return cls(path, place, {n: file.get_tensor(n) for n in file.keys()})  # noqa: SIM118 (not a mapping)
        except (SafetensorError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise cls._damaged(path, type(error).__name__) from None
        except RecursionError:
            raise cls._damaged(path, "nested too deep") from None

    def load_into(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        """Put model, optimizer and randomness back as they were.

        What the optimizer remembers in the shape of a parameter takes its memory layout, which must
        not change afterwards.

        Raises a `ValueError`, with nothing changed, where a tensor is missing, of another model, or
        one that optimizer and generators cannot take: fused kernels read it unchecked.
        """
        self._check_tensors(model, optimizer)
        model.load_state_dict(_under("model.", self.tensors))
        saved = _under("optimizer.", self.tensors)
        kept = remembers(optimizer)
        for index, parameter, _ in _states(optimizer):
            optimizer.state[parameter] = {
                key: torch.empty_like(parameter).copy_(value)
                if kept[key].like_parameter
                else value.to(kept[key].device, copy=True)
                for key, value in _under(f"{index}.", saved).items()
            }
        torch.set_rng_state(self.tensors["random.cpu"])
        if "random.cuda" in self.tensors and torch.cuda.is_available():
            torch.cuda.set_rng_state(self.tensors["random.cuda"])

    def _check_tensors(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        weights = {f"model.{name}": _kind(value) for name, value in model.state_dict().items()}
        found = {name: _kind(value) for name, value in self.tensors.items()}
        if weights != {name: kind for name, kind in found.items() if name.startswith("model.")}:
            wrong = next(n for n in {**weights, **found} if weights.get(n) != found.get(n))
            raise ValueError(
                f"checkpoint {self.path}: expected the weights of this run's model, "
                f"{wrong} {_say(weights.get(wrong))}; got {_say(found.get(wrong))}; start a new run"
            )
        allowed = {**weights, "random.cpu": _kind(torch.get_rng_state())}
        kept = remembers(optimizer)
        for index, parameter, _ in _states(optimizer):
            # Of a parameter that has had no gradient yet an optimizer remembers nothing.
            if any(name.startswith(f"optimizer.{index}.") for name in found):
                for key, entry in kept.items():
                    shape = tuple(parameter.shape) if entry.like_parameter else ()
                    allowed[f"optimizer.{index}.{key}"] = shape, entry.dtype
        if "random.cuda" in found:
            allowed["random.cuda"] = found["random.cuda"]
        if allowed != found:
            wrong = next(n for n in {**allowed, **found} if allowed.get(n) != found.get(n))
            raise self._damaged(self.path, f"{wrong}: {_say(found.get(wrong))}")
        for name, value in self.tensors.items():
            if name.endswith(".step") and not 0 <= value < math.inf:
                raise self._damaged(self.path, f"{name}: {value.item()}")
        self._check_random("cpu")
        if "random.cuda" in found and torch.cuda.is_available():
            self._check_random("cuda")

    def _check_random(self, device: str) -> None:
        try:
            torch.Generator(device).set_state(self.tensors[f"random.{device}"])
        except (RuntimeError, TypeError):
            raise self._damaged(self.path, f"random.{device}: no state of a generator") from None

    @staticmethod
    def _damaged(path: Path, found: str) -> ValueError:
        return ValueError(
            f"checkpoint {path}: expected one that torchcaps wrote; got a damaged or foreign file "
            f"({found}); start again with --overwrite"
        )


def save_checkpoint(
    path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, place: Place
) -> None:
    """Write the state of the run to `path`: the old file stays until the new one is complete."""
    tensors = {
        f"model.{name}": value.detach().cpu().contiguous()
        for name, value in model.state_dict().items()
    }
    for index, _, state in _states(optimizer):
        for key, value in state.items():
            tensors[f"optimizer.{index}.{key}"] = value.detach().cpu().contiguous()
    tensors["random.cpu"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["random.cuda"] = torch.cuda.get_rng_state()
    write_whole(path, save(tensors, metadata={"place": json.dumps(asdict(place))}))


def _states(
    optimizer: torch.optim.Optimizer,
) -> Iterator[tuple[int, nn.Parameter, dict[str, Tensor]]]:
    parameters = (p for group in optimizer.param_groups for p in group["params"])
    for index, parameter in enumerate(parameters):
        yield index, parameter, optimizer.state.get(parameter, {})


def _kind(value: Tensor) -> tuple[Any, torch.dtype]:
    return tuple(value.shape), value.dtype


def _say(kind: tuple[Any, torch.dtype] | None) -> str:
    return "none" if kind is None else f"{list(kind[0])} {kind[1]}".replace("torch.", "")


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
