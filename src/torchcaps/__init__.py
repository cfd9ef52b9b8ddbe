"""torchcaps: capsule networks in PyTorch.

Loads torch and little else; training, analysis, figures and studies are imported by name.
"""

from torchcaps import data, models, nn, ops
from torchcaps.data import list_datasets, load_dataset
from torchcaps.models import create_model, list_models, load_model, save_model

__version__ = "0.1.0.dev0"
__all__ = [
    "create_model",
    "data",
    "list_datasets",
    "list_models",
    "load_dataset",
    "load_model",
    "models",
    "nn",
    "ops",
    "save_model",
]
