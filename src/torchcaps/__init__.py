"""torchcaps: capsule networks in PyTorch.

Each name is imported when it is first used: `import torchcaps` alone loads nothing else.
"""

from typing import TYPE_CHECKING

from torchcaps.lazy import lazy_names

if TYPE_CHECKING:
    from torchcaps import analysis, data, figures, models, nn, ops, training
    from torchcaps.data import list_datasets, load_dataset
    from torchcaps.models import (
        create_model,
        list_models,
        list_pretrained,
        load_model,
        save_model,
    )
    from torchcaps.training.fit import train

__version__ = "0.1.0.dev0"
__all__ = [
    "analysis",
    "create_model",
    "data",
    "figures",
    "list_datasets",
    "list_models",
    "list_pretrained",
    "load_dataset",
    "load_model",
    "models",
    "nn",
    "ops",
    "save_model",
    "train",
    "training",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "analysis": "torchcaps.analysis",
        "create_model": "torchcaps.models:create_model",
        "data": "torchcaps.data",
        "figures": "torchcaps.figures",
        "list_datasets": "torchcaps.data:list_datasets",
        "list_models": "torchcaps.models:list_models",
        "list_pretrained": "torchcaps.models:list_pretrained",
        "load_dataset": "torchcaps.data:load_dataset",
        "load_model": "torchcaps.models:load_model",
        "models": "torchcaps.models",
        "nn": "torchcaps.nn",
        "ops": "torchcaps.ops",
        "save_model": "torchcaps.models:save_model",
        "train": "torchcaps.training.fit:train",
        "training": "torchcaps.training",
    },
)
