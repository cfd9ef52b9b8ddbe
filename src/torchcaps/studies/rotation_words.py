"""The rotation study's table, and what may be said of it."""

from typing import Any

from torchcaps.analysis.robustness.transform_robustness import TransformCurve
from torchcaps.studies.words import cell, compare, epochs, protocol


class RotationTable:
    """Means over seeds at every angle; the advantage is the first model's over the second."""

    def __init__(self, curves: dict[str, TransformCurve]) -> None:
        self.curves = curves
        self.names = list(curves)
        self.degrees = curves[self.names[0]].amounts
        self.seeds = len(curves[self.names[0]].tests)

    def advantage(self) -> list[float]:
        """Percent points at each angle."""
        ours, theirs = (self.curves[name].mean() for name in self.names[:2])
        return [a - b for a, b in zip(ours, theirs, strict=True)]

    def header(self) -> list[str]:
        return ["rotation", *self.names, "advantage"]

    def rows(self) -> list[list[str]]:
        """Cells as text, one row an angle."""
        angles = range(len(self.degrees))
        cells = {
            name: [cell(curve.seeds(k), unit=" %") for k in angles]
            for name, curve in self.curves.items()
        }
        return [
            [f"{d:+g}°" if d else "0°", *(cells[name][k] for name in self.names), f"{gain:+.2f}"]
            for k, (d, gain) in enumerate(zip(self.degrees, self.advantage(), strict=True))
        ]

    def csv(self) -> str:
        columns = [f"{name}_{what}" for name in self.names for what in ("mean", "sd")]
        lines = [",".join(["degrees", *columns, "advantage"])]
        values = [
            v for name in self.names for v in (self.curves[name].mean(), self.curves[name].sd())
        ]
        for k, degrees in enumerate(self.degrees):
            figures = [*(column[k] for column in values), self.advantage()[k]]
            lines.append(",".join([f"{degrees:g}", *(f"{x:.4f}" for x in figures)]))
        return "\n".join(lines) + "\n"

    def finding(self) -> str:
        """The title of the figure."""
        ours, theirs = self.names[:2]
        ahead, angles = sum(gain > 0 for gain in self.advantage()), len(self.degrees)
        where = {0: "no angle", angles: "every angle"}.get(ahead, f"{ahead} of {angles} angles")
        return f"{ours} is ahead of {theirs} at {where}"

    def upright_mse(self) -> float | None:
        """Reconstruction error of the first model on images that are not turned."""
        if 0 not in self.degrees:
            return None
        return self.curves[self.names[0]].tests[0][self.degrees.index(0)].reconstruction_mse


def opening(settings: dict[str, Any], curves: dict[str, TransformCurve]) -> str:
    """What was done."""
    names = list(curves)
    seeds = len(next(iter(curves.values())).tests)
    tested = next(iter(curves.values())).tests[0][0].images
    images = settings["train_images"] or "all"
    took = epochs(settings["epochs"])
    pixels = settings["shift"] + settings["subpixel"] / 2
    if pixels:
        took += f", each image shifted by up to {pixels:g} pixels"
    return (
        f"{' and '.join(names)} learnt {settings['data']} from {images} training images, none of "
        f"them turned, for {took}. Then each was tested on all {tested:,} "
        f"test images, turned by the same angle, with zeros outside. " + protocol(seeds)
    )


def verdict(table: RotationTable) -> list[str]:
    """Sentences that follow from the numbers, whichever way they fall."""
    ours, theirs = table.names[:2]
    sentences = []
    for k in sorted({0, len(table.degrees) - 1}, key=lambda k: table.degrees[k]):
        mean = [table.curves[name].mean()[k] for name in (ours, theirs)]
        seeds = [table.curves[name].seeds(k) for name in (ours, theirs)]
        apart = compare(*seeds, unit=" points", digits=1)
        sentences.append(
            f"Turned by {table.degrees[k]:+g} degrees, {ours} names {mean[0]:.1f} % of the images "
            f"rightly and {theirs} {mean[1]:.1f} %: {apart}."
        )
    behind = [table.degrees[k] for k, gain in enumerate(table.advantage()) if gain <= 0]
    if behind:
        listed = ", ".join(f"{d:+g}" if d else "0" for d in behind)
        sentences.append(f"{ours} is not ahead at {listed} degrees.")
    else:
        sentences.append(f"{ours} is ahead at every angle tested.")
    return sentences
