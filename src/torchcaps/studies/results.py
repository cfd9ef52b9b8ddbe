"""What a study measured: one number a row, and what may be said of them."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from math import isnan
from statistics import mean
from typing import Any, NamedTuple

from torchcaps.analysis.metrics import spread
from torchcaps.figures.curves import Spread


class Row(NamedTuple):
    """`value` of `metric` for `model`, trained with `seed`, tested in `condition`."""

    model: str
    seed: int
    condition: str
    metric: str
    value: float


class Difference(NamedTuple):
    """How far the mean over seeds of one model is above another's.

    spread: the larger of the two standard deviations over seeds, 0 for one seed.
    verdict: "ahead" or "behind" where the gain is larger than the spread, else "level";
        "undefined" where one of the means is. One seed has no spread: whoever quotes its verdict
        says so.
    """

    gain: float
    spread: float

    @property
    def verdict(self) -> str:
        if isnan(self.gain):
            return "undefined"
        if abs(self.gain) <= self.spread:
            return "level"
        return "ahead" if self.gain > 0 else "behind"


class Results:
    """Rows in the order in which they were added. NaN stands for what is not defined."""

    def __init__(self, rows: Iterable[Row] = ()) -> None:
        self.rows = list(rows)

    def add(self, model: str, metric: str, values: Iterable[float], condition: object = "") -> None:
        """One value a seed, in the order of the seeds."""
        for seed, value in enumerate(values):
            self.rows.append(Row(model, seed, str(condition), metric, float(value)))

    def values(self, model: str, metric: str, condition: object = "") -> list[float]:
        """One a seed; empty for what was not measured."""
        key = (model, str(condition), metric)
        return [row.value for row in self.rows if (row.model, row.condition, row.metric) == key]

    def names(self, what: str, **where: object) -> list[str]:
        """The different models, conditions or metrics of the rows, as `names("model")`; of those
        rows alone whose other fields are as said."""
        kept = (
            row
            for row in self.rows
            if all(getattr(row, field) == str(value) for field, value in where.items())
        )
        return list(dict.fromkeys(getattr(row, what) for row in kept))

    @property
    def seeds(self) -> int:
        return 1 + max((row.seed for row in self.rows), default=0)

    def mean(self, model: str, metric: str, condition: object = "") -> float:
        """Over seeds; NaN for what was not measured."""
        values = self.values(model, metric, condition)
        return mean(values) if values else float("nan")

    def sd(self, model: str, metric: str, condition: object = "") -> float:
        """Sample standard deviation over seeds; 0 for one seed."""
        return spread(self.values(model, metric, condition))

    def curve(self, model: str, metric: str, conditions: Iterable[object]) -> Spread:
        """Mean and standard deviation in each condition, for figures."""
        known = [*conditions]
        means = [self.mean(model, metric, condition) for condition in known]
        return Spread(means, [self.sd(model, metric, condition) for condition in known])

    def cell(
        self, model: str, metric: str, condition: object = "", *, digits: int = 2, unit: str = ""
    ) -> str:
        """Mean and standard deviation over seeds as text; the mean alone where there is one seed,
        a dash for what was not measured or is not defined."""
        values = self.values(model, metric, condition)
        if not values or any(map(isnan, values)):
            return "–"
        sd = f" ± {spread(values):.{digits}f}" if len(values) > 1 else ""
        return f"{mean(values):.{digits}f}{sd}{unit}"

    def difference(self, ours: str, theirs: str, metric: str, condition: object = "") -> Difference:
        """Of two models; the rule for all studies (see `Difference`)."""
        larger = max(self.sd(name, metric, condition) for name in (ours, theirs))
        gain = self.mean(ours, metric, condition) - self.mean(theirs, metric, condition)
        return Difference(gain, larger)

    def verdicts(
        self, ours: str, theirs: str, metric: str, conditions: Sequence[object]
    ) -> dict[str, list[str]]:
        """The conditions in which the first is ahead of, level with and behind the second; none in
        which that is undefined."""
        found: dict[str, list[str]] = {"ahead": [], "level": [], "behind": []}
        for condition in conditions:
            verdict = self.difference(ours, theirs, metric, condition).verdict
            if verdict in found:
                found[verdict].append(str(condition))
        return found

    def csv(self) -> str:
        """All rows, with a header."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(Row._fields)
        writer.writerows((*row[:-1], f"{row.value:.6g}") for row in self.rows)
        return text.getvalue()

    def as_json(self) -> dict[str, Any]:
        """`columns` and `rows`; null for NaN, which JSON lacks."""
        rows = [[*row[:-1], None if isnan(row.value) else row.value] for row in self.rows]
        return {"columns": list(Row._fields), "rows": rows}

    @classmethod
    def from_json(cls, text: str) -> "Results":
        """Read back what `as_json` gave, or the results.json of a study."""
        rows = json.loads(text)["rows"]
        return cls(
            Row(model, seed, condition, metric, float("nan") if value is None else value)
            for model, seed, condition, metric, value in rows
        )
