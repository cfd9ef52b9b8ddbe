"""Weights as safetensors, the way to build the model again as config.json. Never pickle."""

import json
from pathlib import Path
from typing import Any

from huggingface_hub import hf_hub_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import nn

from torchcaps.files import write_whole
from torchcaps.models.create import create_model
from torchcaps.models.model import Model

WEIGHTS, CONFIG = "model.safetensors", "config.json"


def unwrap(model: nn.Module) -> nn.Module:
    """The model within `torch.compile`, `DataParallel` and `DistributedDataParallel`."""
    for wrapper in ("_orig_mod", "module"):
        if wrapper in model._modules:
            return unwrap(getattr(model, wrapper))
    return model


def save_model(model: Model, folder: str | Path) -> Path:
    """Write `model.safetensors` and `config.json` into `folder`, each whole or not at all."""
    folder = Path(folder)
    tensors = {
        name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()
    }
    write_whole(folder / CONFIG, json.dumps(model.config, indent=2) + "\n")
    write_whole(folder / WEIGHTS, save(tensors, metadata={"format": "pt"}))
    return folder


def load_model(path_or_hub_id: str | Path) -> Model:
    """Build the model that a folder (a run, or any with model.safetensors and config.json) or a
    repository of the Hugging Face hub holds. It comes in evaluation mode, on the CPU.

    Raises a `ValueError` where there is no model, or its files are damaged or foreign.
    """
    config_path, weights_path = _locate(path_or_hub_id)
    config = _read_config(config_path)
    name, in_shape, num_classes = (config.pop(key) for key in ("model", "in_shape", "num_classes"))
    learnt = {key: config.pop(key) for key in ("classes", "gain") if key in config}
    model = create_model(name, tuple(in_shape), num_classes, **config)
    model.config.update(learnt)
    try:
        tensors = load(weights_path.read_bytes())
    except SafetensorError as error:
        raise ValueError(
            f"load_model, {weights_path}: expected a whole safetensors file; got one that cannot "
            f"be read ({error}); copy it again, or take another checkpoint of the run"
        ) from None
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise ValueError(
            f"load_model, {weights_path}: expected the weights of {name} for images {in_shape}; "
            f"got others ({str(error).splitlines()[-1].strip()}); "
            f"the config.json beside it belongs to another model"
        ) from None
    return model.eval()


def _locate(path_or_hub_id: str | Path) -> tuple[Path, Path]:
    folder = Path(path_or_hub_id)
    if folder.is_dir():
        for name in (CONFIG, WEIGHTS):
            if not (folder / name).is_file():
                raise ValueError(
                    f"load_model, {folder}: expected a folder with {CONFIG} and {WEIGHTS}; "
                    f"got one without {name}; give a finished run, or its folder best/"
                )
        return folder / CONFIG, folder / WEIGHTS
    hub_id = str(path_or_hub_id)
    missing = (
        f"load_model: expected a model's folder or a hub id like user/name; got {hub_id!r}, "
        "which is no folder here and could not be fetched; check the path"
    )
    if hub_id.count("/") != 1 or hub_id.startswith((".", "/", "~")):
        raise ValueError(missing)
    try:
        config, weights = (hf_hub_download(hub_id, name) for name in (CONFIG, WEIGHTS))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise ValueError(f"{missing} ({type(error).__name__})") from None
    return Path(config), Path(weights)


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text())
    except ValueError:
        config = None
    if (
        not isinstance(config, dict)
        or not {"model", "in_shape", "num_classes"} <= set(config)
        or not isinstance(config["in_shape"], list)
    ):
        raise ValueError(
            f"load_model, {path}: expected JSON with model, in_shape and num_classes; "
            "got something else; it is not a configuration that torchcaps wrote"
        )
    return config
