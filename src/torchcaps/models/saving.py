"""Weights as safetensors, the way to build the model again as config.json. Never pickle."""

import json
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import hf_hub_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from safetensors.torch import save
from torch import Tensor, nn

from torchcaps.files import write_whole
from torchcaps.models.backbone_capsnet import BackboneCapsNet
from torchcaps.models.create import create_model
from torchcaps.models.model import Model
from torchcaps.models.pretrained import list_pretrained, model_folder
from torchcaps.models.saved_files import BASIC, plain_name, read_config, read_weights
from torchcaps.quoting import quote

WEIGHTS, CONFIG = "model.safetensors", "config.json"


def unwrap(model: nn.Module) -> nn.Module:
    """The model within `torch.compile`, `DataParallel` and `DistributedDataParallel`."""
    for wrapper in ("_orig_mod", "module"):
        if wrapper in model._modules:
            return unwrap(getattr(model, wrapper))
    return model


def save_model(model: nn.Module, folder: str | Path) -> Path:
    """Write `model.safetensors` and `config.json` into `folder`, each whole or not at all.

    What `torch.compile` or `DataParallel` wrapped is saved as if it were not, as is a model that
    `fully_shard` spread over processes, all of which then have to call this. Raises a `ValueError`
    for what is no `Model`.
    """
    bare = unwrap(model)
    if not isinstance(bare, Model):
        raise ValueError(
            f"save_model, model: expected one of torchcaps; got {type(bare).__name__}, which no "
            "config.json can describe; save its state_dict with safetensors"
        )
    write_whole(Path(folder) / CONFIG, json.dumps(bare.config, indent=2) + "\n")
    return save_weights(bare, folder)


def save_weights(module: nn.Module, folder: str | Path) -> Path:
    """Write `model.safetensors` alone into `folder`, of any module."""
    tensors = {
        plain_name(name): _gathered(value.detach()).cpu().contiguous()
        for name, value in module.state_dict().items()
    }
    write_whole(Path(folder) / WEIGHTS, save(tensors, metadata={"format": "pt"}))
    return Path(folder)


def _gathered(value: Tensor) -> Tensor:
    """The whole of a tensor of which `fully_shard` left each process a part: a DTensor, whose class
    takes seconds to import."""
    gather = getattr(value, "full_tensor", None)
    return value if gather is None else gather()


def load_model(path_or_hub_id: str | Path, *, backbone: nn.Module | None = None) -> Model:
    """Build a trained model: one that comes with the package (`list_pretrained`), or what a folder
    (a run, or any with model.safetensors and config.json) or a repository of the Hugging Face hub
    holds. It comes in evaluation mode, on the CPU.

    backbone: for a `BackboneCapsNet`, a network like the one it was trained on, which takes the
        saved weights; no file says how to build it.

    Raises a `ValueError` where there is no model, or its files are damaged or foreign; before any
    memory is taken for weights that the file does not hold.
    """
    config_path, weights_path = _locate(path_or_hub_id)
    config = read_config(config_path)
    with torch.device("meta"):
        shapes = {
            name: value.shape for name, value in _build(config, backbone).state_dict().items()
        }
    what = f"{config['model']} for images {config['in_shape']}"
    tensors = read_weights(weights_path, shapes, what)
    model = _build(config, backbone)
    model.load_state_dict(tensors)
    return model.eval()


def _build(config: dict[str, Any], backbone: nn.Module | None) -> Model:
    if config["model"] == BackboneCapsNet.name:
        model: Model = BackboneCapsNet.from_config(backbone, config)
    elif backbone is not None:
        raise ValueError(
            f"load_model, backbone: expected none, since config.json says all of {config['model']}"
            f"; got {type(backbone).__name__}; leave it out"
        )
    else:
        options = {key: value for key, value in config.items() if key not in BASIC}
        model = create_model(
            config["model"], tuple(config["in_shape"]), config["num_classes"], **options
        )
    model.learnt(config)
    return model


def _locate(path_or_hub_id: str | Path) -> tuple[Path, Path]:
    folder = model_folder(path_or_hub_id)
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
        f"load_model: expected a model's folder, a hub id like user/name, or one of "
        f"{', '.join(list_pretrained())}; got {quote(hub_id)}, which is no folder here and could "
        "not be fetched; check the path"
    )
    if hub_id.count("/") != 1 or hub_id.startswith((".", "/", "~")):
        raise ValueError(missing)
    try:
        config, weights = (hf_hub_download(hub_id, name) for name in (CONFIG, WEIGHTS))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise ValueError(f"{missing} ({type(error).__name__})") from None
    return Path(config), Path(weights)
