"""A model by its name."""

from collections.abc import Mapping
from inspect import signature
from typing import Any, TypeVar

from torchcaps.models.catalogue import MODELS
from torchcaps.models.model import Model
from torchcaps.options import check_types
from torchcaps.quoting import cut, listed, quote

T = TypeVar("T")


def create_model(name: str, in_shape: tuple[int, ...], num_classes: int, **options: Any) -> Model:
    """Build a registered model for images of `in_shape` (C, H, W), or signals (C, L).

    `options` override those of its preset.

    Raises a `ValueError` for an unknown name or option, or sizes the model cannot take.

    >>> create_model("cnn", in_shape=(1, 28, 28), num_classes=10).name
    'cnn'
    """
    preset = MODELS[name]
    given = {"in_shape": in_shape, "num_classes": num_classes, **options}
    model = build(preset.architecture, f"create_model, options of {name}", given, preset.options)
    model.rename(name)
    return model


def options_of(name: str) -> list[str]:
    """Options that `create_model` takes for a registered model."""
    return _options(MODELS[name].architecture)


def _options(architecture: type) -> list[str]:
    parameters = signature(architecture.__init__).parameters.values()
    return [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]


def build(
    architecture: type[T],
    where: str,
    given: Mapping[str, Any],
    preset: Mapping[str, Any] | None = None,
) -> T:
    """`architecture(**given)`, `preset` where nothing is given. Raises a `ValueError` for an
    argument that is unknown, missing, of another type, or asks for more memory than there is."""
    parameters = signature(architecture.__init__).parameters.values()
    options = _options(architecture)
    needed = [p.name for p in parameters if p.default is p.empty and p.name != "self"]
    unknown = sorted({*given} - {*options, *needed})
    if unknown or not {*needed} <= {*given}:
        missing = [name for name in needed if name not in given]
        raise ValueError(
            f"{where}: expected some of {', '.join(options)}; got {listed(unknown)}; drop or "
            "rename what is unknown"
            if unknown
            else f"{where}: expected {', '.join(needed)}; got none of {listed(missing)}; add them"
        )
    try:
        built = architecture(**{**(preset or {}), **given})
    except (TypeError, AttributeError, RuntimeError, OverflowError, MemoryError) as error:
        check_types(where, architecture, given)
        sizes = {key: value for key, value in given.items() if isinstance(value, int)}
        largest = max(sizes, key=lambda key: sizes[key])
        raise ValueError(
            f"{where}: expected sizes that fit in memory; got {largest}={quote(sizes[largest])} "
            f"and others ({cut(error)}); take smaller ones"
        ) from error
    check_types(where, architecture, given)  # last: the architecture says more
    return built
