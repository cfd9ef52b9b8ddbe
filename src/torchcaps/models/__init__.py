"""Architectures, one a file, and the catalogue that names them."""

from typing import TYPE_CHECKING

from torchcaps.lazy import lazy_names

if TYPE_CHECKING:
    from torchcaps.models.backbone_capsnet import BackboneCapsNet
    from torchcaps.models.capsnet import CapsNet
    from torchcaps.models.capsnet1d import CapsNet1d
    from torchcaps.models.capsnet_resnet import CapsNetResNet
    from torchcaps.models.catalogue import list_models
    from torchcaps.models.cnn import CNN
    from torchcaps.models.cnn1d import CNN1d
    from torchcaps.models.convert import convert
    from torchcaps.models.create import create_model, options_of
    from torchcaps.models.deepcaps import DeepCaps
    from torchcaps.models.efficient_capsnet import EfficientCapsNet
    from torchcaps.models.equivariant_capsnet import EquivariantCapsNet
    from torchcaps.models.explanation import Explanation
    from torchcaps.models.heinsen_capsnet import HeinsenCapsNet
    from torchcaps.models.model import Calibration, Model, Output
    from torchcaps.models.pooled_cnn import PooledCNN
    from torchcaps.models.pretrained import list_pretrained
    from torchcaps.models.saving import load_model, save_model
    from torchcaps.models.seg_capsnet import SegCapsNet
    from torchcaps.models.unet import UNet

__all__ = [
    "CNN",
    "BackboneCapsNet",
    "CNN1d",
    "Calibration",
    "CapsNet",
    "CapsNet1d",
    "CapsNetResNet",
    "DeepCaps",
    "EfficientCapsNet",
    "EquivariantCapsNet",
    "Explanation",
    "HeinsenCapsNet",
    "Model",
    "Output",
    "PooledCNN",
    "SegCapsNet",
    "UNet",
    "convert",
    "create_model",
    "list_models",
    "list_pretrained",
    "load_model",
    "options_of",
    "save_model",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "BackboneCapsNet": "torchcaps.models.backbone_capsnet:BackboneCapsNet",
        "CNN": "torchcaps.models.cnn:CNN",
        "CNN1d": "torchcaps.models.cnn1d:CNN1d",
        "Calibration": "torchcaps.models.model:Calibration",
        "CapsNet": "torchcaps.models.capsnet:CapsNet",
        "CapsNetResNet": "torchcaps.models.capsnet_resnet:CapsNetResNet",
        "CapsNet1d": "torchcaps.models.capsnet1d:CapsNet1d",
        "DeepCaps": "torchcaps.models.deepcaps:DeepCaps",
        "EfficientCapsNet": "torchcaps.models.efficient_capsnet:EfficientCapsNet",
        "EquivariantCapsNet": "torchcaps.models.equivariant_capsnet:EquivariantCapsNet",
        "Explanation": "torchcaps.models.explanation:Explanation",
        "HeinsenCapsNet": "torchcaps.models.heinsen_capsnet:HeinsenCapsNet",
        "Model": "torchcaps.models.model:Model",
        "Output": "torchcaps.models.model:Output",
        "PooledCNN": "torchcaps.models.pooled_cnn:PooledCNN",
        "SegCapsNet": "torchcaps.models.seg_capsnet:SegCapsNet",
        "UNet": "torchcaps.models.unet:UNet",
        "convert": "torchcaps.models.convert:convert",
        "create_model": "torchcaps.models.create:create_model",
        "list_models": "torchcaps.models.catalogue:list_models",
        "list_pretrained": "torchcaps.models.pretrained:list_pretrained",
        "load_model": "torchcaps.models.saving:load_model",
        "options_of": "torchcaps.models.create:options_of",
        "save_model": "torchcaps.models.saving:save_model",
    },
)
