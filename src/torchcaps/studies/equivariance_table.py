"""The equivariance study's numbers, by model, layer and transform, and by what was read."""

from collections.abc import Sequence
from statistics import mean

from torchcaps.analysis.metrics import spread
from torchcaps.analysis.representation.linear_equivariance import LinearEquivariance
from torchcaps.analysis.representation.probes import Probed
from torchcaps.figures.curves import Spread
from torchcaps.models.model import POSES
from torchcaps.studies.words import cell

PIXELS = "pixels"
SHUFFLED = "shuffled"
MEASURES = ("error", "r2", "change", "lengths")
READINGS = ("equal", "whole", "shuffled", "selectivity")


class EquivarianceTable:
    """`found[model][seed][layer][transform]`; the first model is the one under test.

    own: of the models that have a ρ of their own, what it misses of the class poses under rotation,
    one number a seed. scored: the layer that a model's scores are read from.
    """

    def __init__(
        self,
        found: dict[str, list[dict[str, dict[str, LinearEquivariance]]]],
        own: dict[str, list[float]],
    ) -> None:
        self.found, self.own = found, own
        self.names = list(found)
        self.layers = {name: list(seeds[0]) for name, seeds in found.items()}
        first = found[self.names[0]]
        self.scored = {
            name: POSES if POSES in layers else layers[-1] for name, layers in self.layers.items()
        }
        self.transforms = list(next(iter(first[0].values())))
        self.seeds = len(first)

    def get(self, measure: str, name: str, layer: str, transform: str) -> list[float]:
        """One of MEASURES, one number a seed."""
        return [getattr(seed[layer][transform], measure) for seed in self.found[name]]

    def missed(self, name: str, transform: str) -> list[float]:
        """The error of the layer that the scores are read from."""
        return self.get("error", name, self.scored[name], transform)

    def longer(self, name: str, transform: str) -> list[float]:
        """By how many percent the length of the last layer changes: that of the capsule of the
        image's class, where there are capsules."""
        last = self.layers[name][-1]
        return [100 * share for share in self.get("lengths", name, last, transform)]

    def header(self) -> list[str]:
        return ["model", "layer", "numbers", *self.transforms]

    def rows(self, measure: str) -> list[list[str]]:
        """Cells as text, one row a layer."""
        return [
            [name, layer, self._numbers(name, layer)]
            + [cell(self.get(measure, name, layer, t)) for t in self.transforms]
            for name in self.names
            for layer in self.layers[name]
        ]

    def lengths_rows(self) -> list[list[str]]:
        """Cells as text, one row a model: percent by which lengths change."""
        return [
            [name, self.layers[name][-1], self._numbers(name, self.layers[name][-1])]
            + [cell(self.longer(name, t), digits=1) for t in self.transforms]
            for name in self.names
        ]

    def panels(self) -> dict[str, dict[str, Spread]]:
        """What the figure shows: the error at every layer, a line for every transform."""
        panels = {}
        for name in self.names:
            panels[name] = {}
            for transform in self.transforms:
                values = [self.get("error", name, each, transform) for each in self.layers[name]]
                panels[name][transform] = Spread([*map(mean, values)], [*map(spread, values)])
        return panels

    def csv_lines(self) -> list[str]:
        return [
            _line(name, layer, transform, measure, self.get(measure, name, layer, transform))
            for name in self.names
            for layer in self.layers[name]
            for transform in self.transforms
            for measure in MEASURES
        ]

    def _numbers(self, name: str, layer: str) -> str:
        return f"{self.found[name][0][layer][self.transforms[0]].numbers:,}"


class ProbesTable:
    """`probed[data][reader]`, one `Probed` a seed. The first reader is the model under test, the
    last the pixels. width: how many numbers "equal" readers have, at most."""

    def __init__(self, probed: dict[str, dict[str, list[Probed]]], width: int) -> None:
        self.probed, self.width = probed, width
        self.data = list(probed)
        self.quantities = {
            data: list(next(iter(readers.values()))[0].whole) for data, readers in probed.items()
        }
        self.readers = list(next(iter(probed.values())))
        self.ours = self.readers[0]

    def get(self, reading: str, data: str, reader: str, quantity: str) -> list[float]:
        """One of READINGS, one number a seed."""
        return [getattr(each, reading)[quantity] for each in self.probed[data][reader]]

    def numbers(self, data: str, reader: str) -> int:
        """How many the layer of a reader has."""
        return self.probed[data][reader][0].numbers

    def header(self, data: str) -> list[str]:
        return ["read from", "numbers", *self.quantities[data]]

    def rows(self, reading: str, data: str) -> list[list[str]]:
        """Cells as text, one row a reader."""
        limit = self.width if reading in ("equal", "shuffled") else None
        return [
            [reader, str(min(limit or count, count))]
            + [cell(self.get(reading, data, reader, q)) for q in self.quantities[data]]
            for reader in self.readers
            for count in (self.numbers(data, reader),)
        ]

    def bars(self) -> dict[str, dict[str, Spread]]:
        """What the figure shows: R² of readers with equally many numbers, and of the control."""
        return {
            data: {
                **{reader: self._bar("equal", data, reader) for reader in self.readers},
                SHUFFLED: self._bar("shuffled", data, self.ours),
            }
            for data in self.data
        }

    def csv_lines(self) -> list[str]:
        return [
            _line(reader, data, q, reading, self.get(reading, data, reader, q))
            for data in self.data
            for reader in self.readers
            for q in self.quantities[data]
            for reading in READINGS
        ]

    def _bar(self, reading: str, data: str, reader: str) -> Spread:
        values = [self.get(reading, data, reader, q) for q in self.quantities[data]]
        return Spread([*map(mean, values)], [*map(spread, values)])


def as_csv(*tables: EquivarianceTable | ProbesTable) -> str:
    """Every number with its spread. `where` is a layer or a data set, `what` a transform or a
    quantity."""
    lines = ["model,where,what,measure,mean,sd"]
    return "\n".join(lines + [line for table in tables for line in table.csv_lines()]) + "\n"


def _line(model: str, where: str, what: str, measure: str, values: Sequence[float]) -> str:
    return f"{model},{where},{what},{measure},{mean(values):.6f},{spread(values):.6f}"
