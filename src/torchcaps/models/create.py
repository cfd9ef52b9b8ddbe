"""A model by its name."""

from inspect import signature
from typing import Any

from torchcaps.models.catalogue import MODELS
from torchcaps.models.model import Model
from torchcaps.options import check_types
from torchcaps.quoting import cut, listed, quote


def create_model(name: str, in_shape: tuple[int, ...], num_classes: int, **options: Any) -> Model:
    """Build a registered model for images of `in_shape` (C, H, W), or signals (C, L).

    `options` override those of its preset.

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
            f"got {listed(unknown)}; drop or rename what is unknown"
        )
    where = f"create_model, options of {name}"
    given = {"in_shape": in_shape, "num_classes": num_classes, **options}
    try:
        model = preset.architecture(in_shape, num_classes, **{**preset.options, **options})
    except (TypeError, AttributeError, RuntimeError, OverflowError, MemoryError) as error:
        check_types(where, preset.architecture, given)
        sizes = {key: value for key, value in given.items() if isinstance(value, int)}
        largest = max(sizes, key=lambda key: sizes[key])
        raise ValueError(
            f"{where}: expected sizes that fit in memory; got {largest}={quote(sizes[largest])} "
            f"and others ({cut(error)}); take smaller ones"
        ) from error
    check_types(where, preset.architecture, given)  # last: the architecture says more
    model.rename(name)
    return model


def _options(architecture: type[Model]) -> list[str]:
    parameters = signature(architecture.__init__).parameters.values()
    return [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
