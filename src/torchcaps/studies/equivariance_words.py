"""What may be said of the equivariance study's numbers, whichever way they fall."""

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

from torchcaps.studies.equivariance_table import EquivarianceTable
from torchcaps.studies.words import cell, compare, epochs, listed, protocol

ERROR = (
    "The error of a layer f under a move g is ‖f(gx) − ρ(g) f(x)‖ / ‖f(gx) − f(x)‖: what an affine "
    "map ρ(g), fitted on other images, misses of all that the move changes. 0: the change follows "
    "from the layer by a linear law; 1: the map tells nothing of it. A small error does not mean "
    "that the law is simple, or that a layer has understood anything: moving pixels by "
    "interpolation is itself a linear map. Nor are layers alike: the more numbers one has, the "
    "more there is for a map to tell from. Of the pose of the class, the one capsule of the "
    "image's class, every class has a map of its own; all other layers have one for all images."
)


def opening(settings: dict[str, Any], table: EquivarianceTable, sizes: Sequence[int]) -> str:
    """What was done."""
    fitted, chosen, measured = sizes
    images = settings["train_images"] or "all"
    took = epochs(settings["epochs"])
    return (
        f"{listed(table.names)} learnt {settings['data']} from {images} training images for "
        f"{took}, none of them moved. Linear maps were fitted on {fitted:,} training images, "
        f"their penalty was chosen on {chosen:,} validation images, and all that follows was "
        f"measured on {measured:,} test images. The same architectures learnt faces, houses and "
        f"cars from {settings['faces_images']:,} drawings for {epochs(settings['faces_epochs'])}, "
        "of which the true poses are known. " + protocol(table.seeds)
    )


def faces_told(percents: Mapping[str, Sequence[float]]) -> str:
    """How well the faces were learnt."""
    parts = [f"{cell(values, digits=1)} % ({name})" for name, values in percents.items()]
    return f"Of the faces, houses and cars, right are {listed(parts)}."


def moves_told(moves: Mapping[str, Mapping[str, float]]) -> str:
    """What was done to the images."""
    pixels = moves["shift"]["dx"]
    return (
        f"The moves: rotation by {moves['rotation']['degrees']:g}°, counter-clockwise; scaling by "
        f"{moves['scaling']['scale']:g}; shift by {pixels:g} pixel{'' if pixels == 1 else 's'} to "
        f"the right; shear by {moves['shear']['shear']:g} pixels for each pixel down. All are "
        "bilinear, with zeros from outside."
    )


def finding(table: EquivarianceTable) -> str:
    """The title of the figure of layers."""
    parts = (f"{100 * mean(table.missed(n, 'rotation')):.0f} % in {n}" for n in table.names)
    return f"Of the rotation, a linear map misses where scores are read:\n{', '.join(parts)}"


def verdict(table: EquivarianceTable) -> list[str]:
    """Sentences on layers that follow from the numbers."""
    ours, *rivals = table.names
    return [
        *(_beside(table, ours, theirs) for theirs in rivals),
        _pixels(table),
        _depth(table),
        _lengths(table),
        *(_own(table, name) for name in table.own),
    ]


def _beside(table: EquivarianceTable, ours: str, theirs: str) -> str:
    apart = []
    for transform in table.transforms:
        both = [table.missed(name, transform) for name in (ours, theirs)]
        apart.append(
            f"of the {transform} {mean(both[0]):.2f} and {mean(both[1]):.2f} "
            f"({compare(*both, unit='', digits=2)})"
        )
    return (
        f"The {table.scored[ours]} of {ours} and the {_layer(table, theirs)} of {theirs} miss "
        f"{'; '.join(apart)}."
    )


def _pixels(table: EquivarianceTable) -> str:
    worst = max(
        mean(table.get("error", table.names[0], "image", transform))
        for transform in table.transforms
    )
    return f"A map of the pixels themselves misses {worst:.3f} at most."


def _depth(table: EquivarianceTable) -> str:
    """How the error goes from the first layer to the one that scores are read from."""

    def average(name: str, layer: str) -> float:
        return mean(mean(table.get("error", name, layer, t)) for t in table.transforms)

    walks = (
        f"from {average(name, table.layers[name][1]):.2f} to "
        f"{average(name, table.scored[name]):.2f} in {name}"
        for name in table.names
    )
    return (
        "From the first layer to where scores are read, the error, averaged over the moves, goes "
        f"{listed([*walks])}."
    )


def _lengths(table: EquivarianceTable) -> str:
    parts = (
        f"{cell(table.longer(name, 'rotation'), digits=1)} % in {name} ({table.layers[name][-1]})"
        for name in table.names
    )
    return f"By the rotation, lengths change by {listed([*parts])}."


def _own(table: EquivarianceTable, name: str) -> str:
    fitted = table.get("error", name, table.scored[name], "rotation")
    return (
        f"{name} has a ρ of its own, a shift of its orientations, that nobody fitted: it misses "
        f"{cell(table.own[name])} of the rotation in the class poses, where the fitted one misses "
        f"{cell(fitted)}."
    )


def _layer(table: EquivarianceTable, name: str) -> str:
    layer = table.scored[name]
    return f"{layer} layer" if layer == "penultimate" else layer
