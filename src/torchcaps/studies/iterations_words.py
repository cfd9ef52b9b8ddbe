"""What may be said of the iterations study's numbers, whichever way they fall."""

from statistics import mean
from typing import Any

from torchcaps.studies.iterations_table import IterationsTable
from torchcaps.studies.words import cell, clearly, compare, epochs, listed, protocol

REPLACEMENTS = (
    "The last three columns are accuracies with couplings that no routing found: uniform ones, as "
    "in the first iteration; random ones, drawn anew for every child and image, evenly from all "
    "that sum to one; the network's own, averaged over all test images."
)
MEASURES = (
    "Of the couplings, each network tested as it was trained. Entropy is that of a child's "
    "couplings over its greatest possible: 1 if all parents get the same, 0 if one gets all. "
    "Polarisation is the greatest coupling, scaled to 0 where all are the same and 1 where one "
    "gets all. Dynamism is the variance of couplings across images over that of a control whose "
    "parents are shuffled: 0 if every image has the same couplings, 1 if a child favours no parent "
    "over all images; it says nothing of how large the couplings' differences are."
)


def opening(settings: dict[str, Any], table: IterationsTable) -> str:
    """What was done."""
    images = settings["train_images"] or "all"
    took = epochs(settings["epochs"])
    return (
        f"{settings['model']} learnt {settings['data']} from {images} training images for "
        f"{took}, with {listed(table.trained)} routing iterations. Then the couplings of every "
        f"network were followed on all {table.images:,} test images with 1 to {table.tested[-1]} "
        "iterations, and replaced by others. " + protocol(table.seeds)
    )


def finding(table: IterationsTable) -> str:
    """The title of the figure."""
    means = {r: mean(table.get("accuracy", r)) for r in table.trained}
    best = max(means, key=lambda r: means[r])
    low, high = f"{min(means.values()):.1f}", f"{means[best]:.1f}"
    if low == high:
        return f"Trained with {listed(table.trained)} iterations: {high} % right"
    return (
        f"Trained with {listed(table.trained)} iterations: {low} to {high} % right, "
        f"the most with {best}"
    )


def verdict(table: IterationsTable) -> list[str]:
    """Sentences that follow from the numbers."""
    return [
        *_why_three(table),
        _tested_otherwise(table),
        _polarised(table),
        _dynamic(table),
        _without_routing(table),
        _dead(table),
    ]


def _why_three(table: IterationsTable) -> list[str]:
    others = [r for r in table.trained if r != 3]
    if 3 not in table.trained or not others:
        return []
    three = table.get("accuracy", 3)
    apart = "; ".join(f"with {r}, {_compare(three, table.get('accuracy', r))}" for r in others)
    said = [
        f"Trained and tested with 3 iterations, networks name {mean(three):.1f} % of the images "
        f"rightly. Compared with others, each tested as it was trained: {apart}."
    ]
    if table.seeds == 1:
        return [*said, "One seed cannot tell such differences from chance."]
    not_ahead = [r for r in others if not clearly(three, table.get("accuracy", r))]
    behind = [r for r in others if clearly(table.get("accuracy", r), three)]
    if not not_ahead:
        return [*said, "Three is ahead of every other number by more than the spread over seeds."]
    singled = (
        f"Nothing here singles out three: by more than the spread over seeds, it is not ahead of "
        f"{listed(not_ahead)}"
    )
    return [*said, singled + (f", and it is behind {listed(behind)}." if behind else ".")]


def _tested_otherwise(table: IterationsTable) -> str:
    usual, last = table.usual, table.tested[-1]
    means = [mean(table.get("accuracy", usual, r)) for r in table.tested]
    least, most = (means.index(choose(means)) + 1 for choose in (min, max))
    changed = cell(table.get("changed", usual, last), digits=1)
    return (
        f"The networks trained with {usual} are right on {min(means):.1f} % of the images at least "
        f"(tested with {least}) and on {max(means):.1f} % at most (with {most}). With {last} in "
        f"place of {usual}, {changed} % of the images get another class."
    )


def _polarised(table: IterationsTable) -> str:
    usual, last = table.usual, table.tested[-1]
    then, now = (mean(table.get("polarisation", usual, r)) for r in (2, last))
    before, after = (mean(table.get("accuracy", usual, r)) for r in (2, last))
    return (
        f"From 2 to {last} iterations in their test, polarisation goes from {then:.2f} to "
        f"{now:.2f} and accuracy from {before:.1f} to {after:.1f} %."
    )


def _dynamic(table: IterationsTable) -> str:
    dynamism, entropy = (
        cell(table.get(what, table.usual), digits=3) for what in ("dynamism", "entropy")
    )
    return (
        f"The dynamism of their couplings is {dynamism}, where 0 would mean that every image has "
        f"the same; their entropy is {entropy}, where 1 would mean that nobody is preferred."
    )


def _without_routing(table: IterationsTable) -> str:
    own = table.get("accuracy", table.usual)
    apart = "; ".join(
        f"{by} couplings, {_compare(table.replaced('accuracy', table.usual, by), own)}"
        for by in ("mean", "uniform", "random")
    )
    return (
        f"With couplings that no routing found in place of their own, which give {mean(own):.1f} "
        f"%: {apart}."
    )


def _dead(table: IterationsTable) -> str:
    children, parents = table.dead(table.usual)
    return (
        f"Shorter than 0.05 on every test image stay {cell(children, digits=1)} % of their primary "
        f"capsules and {cell(parents, digits=1)} % of their class capsules."
    )


def _compare(ours: list[float], theirs: list[float]) -> str:
    return compare(ours, theirs, unit=" points", digits=1)
