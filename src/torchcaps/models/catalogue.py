"""Models by name: an architecture and the options that make it what its source describes."""

from inspect import signature
from typing import Any, NamedTuple

from torchcaps.models.capsnet import CapsNet
from torchcaps.models.cnn import CNN
from torchcaps.models.equivariant_capsnet import EquivariantCapsNet
from torchcaps.models.model import Model
from torchcaps.models.pooled_cnn import PooledCNN
from torchcaps.registry import Registry


class Preset(NamedTuple):
    """An architecture, its options, and a line on where it comes from."""

    architecture: type[Model]
    options: dict[str, Any]
    about: str


MODELS: Registry[Preset] = Registry("model")
MODELS.add("capsnet")(Preset(CapsNet, {}, "the series' network (Sabour et al. 2017, bias-free)"))
MODELS.add("capsnet_sabour2017")(
    Preset(CapsNet, {"style": "sabour2017", "detach": False}, "the authors' code of 2017")
)
MODELS.add("capsnet_small")(
    Preset(
        CapsNet,
        {
            "stem_channels": 64,
            "kernel_size": 3,
            "types": 8,
            "init_std": None,
            "decoder_width": 128,
        },
        "3x3 kernels and few channels, for the 8x8 digits and quick work",
    )
)
MODELS.add("equivariant_capsnet")(
    Preset(EquivariantCapsNet, {}, "turns with its input, by construction")
)
MODELS.add("cnn")(Preset(CNN, {}, "the series' CNN: two convolutions with max-pooling"))
MODELS.add("pooled_cnn")(
    Preset(PooledCNN, {}, "control of capsnet_small: its convolutions, pooled, as many parameters")
)


def create_model(
    name: str, in_shape: tuple[int, int, int], num_classes: int, **options: Any
) -> Model:
    """Build a registered model for images of `in_shape` (C, H, W); `options` override its preset.

    Raises a `ValueError` for an unknown name or option, or sizes the model cannot take.

    >>> create_model("cnn", in_shape=(1, 28, 28), num_classes=10).name
    'cnn'
    """
    preset = MODELS[name]
    known = _options(preset.architecture)
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ValueError(
            f"create_model, options of {name}: expected some of {', '.join(known)}; "
            f"got {', '.join(unknown)}; drop or rename what is unknown"
        )
    model = preset.architecture(in_shape, num_classes, **{**preset.options, **options})
    model.rename(name)
    return model


def list_models() -> list[str]:
    """Names that `create_model` knows."""
    return list(MODELS)


def _options(architecture: type[Model]) -> list[str]:
    parameters = signature(architecture.__init__).parameters.values()
    return [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
