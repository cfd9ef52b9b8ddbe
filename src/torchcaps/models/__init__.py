"""Architectures, one a file, and the catalogue that names them."""

from torchcaps.models.capsnet import CapsNet
from torchcaps.models.catalogue import create_model, list_models
from torchcaps.models.cnn import CNN
from torchcaps.models.equivariant_capsnet import EquivariantCapsNet
from torchcaps.models.explanation import Explanation
from torchcaps.models.model import Model, Output
from torchcaps.models.pooled_cnn import PooledCNN
from torchcaps.models.saving import load_model, save_model

__all__ = [
    "CNN",
    "CapsNet",
    "EquivariantCapsNet",
    "Explanation",
    "Model",
    "Output",
    "PooledCNN",
    "create_model",
    "list_models",
    "load_model",
    "save_model",
]
