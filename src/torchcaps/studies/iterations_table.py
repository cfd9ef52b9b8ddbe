"""The iterations study's numbers, by how a network was trained and how it was tested."""

from statistics import mean

from torchcaps.analysis.metrics import spread
from torchcaps.analysis.routing.measures import RoutingMeasures
from torchcaps.figures.curves import Spread
from torchcaps.studies.words import cell

REPLACED = ("uniform", "random", "mean")
COUPLINGS = ("entropy", "polarisation", "dynamism")
PANELS = {
    "accuracy": "accuracy on the test images (%)",
    "entropy": "entropy (1: couplings even, 0: all to one)",
    "polarisation": "polarisation (0: even, 1: all to one)",
    "dynamism": "dynamism (0: the same in every image)",
}


class IterationsTable:
    """`measures[R][seed]` of the networks trained with R iterations. Shares are in percent.

    usual: the R whose networks are told of in full: 3, or the nearest to it.
    """

    def __init__(self, measures: dict[int, list[RoutingMeasures]]) -> None:
        self.measures = measures
        self.trained = list(measures)
        self.usual = min(self.trained, key=lambda r: abs(r - 3))
        first = measures[self.usual]
        self.seeds, self.images = len(first), first[0].images
        self.tested = range(1, len(first[0].tests) + 1)

    def get(self, measure: str, trained: int, tested: int | None = None) -> list[float]:
        """accuracy, changed, entropy, polarisation or dynamism, one number a seed; tested with as
        many iterations as trained, unless told otherwise."""
        k = (tested or trained) - 1
        seeds = self.measures[trained]
        if measure in ("accuracy", "changed"):
            return [100 * getattr(each.tests[k], measure) for each in seeds]
        return [getattr(each.couplings[k], measure) for each in seeds]

    def replaced(self, measure: str, trained: int, by: str) -> list[float]:
        """accuracy or changed, the couplings replaced by others."""
        return [100 * getattr(each.replaced[by], measure) for each in self.measures[trained]]

    def dead(self, trained: int) -> tuple[list[float], list[float]]:
        """Percent of the primary and of the class capsules that stay short, one number a seed."""
        seeds = self.measures[trained]
        return [100 * each.dead_children for each in seeds], [
            100 * each.dead_parents for each in seeds
        ]

    def header(self) -> list[str]:
        return ["trained with", "accuracy (%)", *REPLACED]

    def rows(self) -> list[list[str]]:
        """Cells as text: accuracy with the networks' own couplings, then with others."""
        return [
            [
                str(r),
                cell(self.get("accuracy", r), digits=1),
                *(cell(self.replaced("accuracy", r, by), digits=1) for by in REPLACED),
            ]
            for r in self.trained
        ]

    def couplings_header(self) -> list[str]:
        return ["trained with", *COUPLINGS]

    def couplings_rows(self) -> list[list[str]]:
        """Cells as text: what the couplings are like, each network tested as it was trained."""
        return [
            [str(r), *(cell(self.get(what, r), digits=3) for what in COUPLINGS)]
            for r in self.trained
        ]

    def tests_header(self) -> list[str]:
        return ["trained with", *map(str, self.tested)]

    def tests_rows(self, measure: str) -> list[list[str]]:
        """Means as text, a column for every number of iterations in the test."""
        return [
            [str(r), *(f"{mean(self.get(measure, r, tested)):.1f}" for tested in self.tested)]
            for r in self.trained
        ]

    def csv(self) -> str:
        lines = ["trained,tested,measure,mean,sd"]
        for r in self.trained:
            for measure in ("accuracy", "changed", *COUPLINGS):
                for tested in self.tested:
                    lines.append(_line(r, tested, measure, self.get(measure, r, tested)))
            for by in REPLACED:
                for measure in ("accuracy", "changed"):
                    lines.append(_line(r, by, measure, self.replaced(measure, r, by)))
        return "\n".join(lines) + "\n"

    def panels(self) -> dict[str, dict[int, Spread]]:
        """What the figure shows: a curve over the iterations in the test for each in training."""
        found = {}
        for measure, label in PANELS.items():
            found[label] = {}
            for r in self.trained:
                values = [self.get(measure, r, tested) for tested in self.tested]
                found[label][r] = Spread([*map(mean, values)], [*map(spread, values)])
        return found


def _line(trained: int, tested: int | str, measure: str, values: list[float]) -> str:
    return f"{trained},{tested},{measure},{mean(values):.6f},{spread(values):.6f}"
