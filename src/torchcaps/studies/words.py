"""Numbers over seeds as words that claim no more than they show."""

from collections.abc import Iterable, Sequence
from statistics import mean

from torchcaps.analysis.metrics import spread


def cell(values: Sequence[float], *, unit: str = "", digits: int = 2) -> str:
    """Mean and standard deviation over seeds; the mean alone where there is one seed."""
    if len(values) == 1:
        return f"{values[0]:.{digits}f}{unit}"
    return f"{mean(values):.{digits}f} ± {spread(values):.{digits}f}{unit}"


def clearly(ours: Sequence[float], theirs: Sequence[float]) -> bool:
    """Ahead by more than the spread over seeds."""
    return mean(ours) - mean(theirs) > max(spread(ours), spread(theirs))


def compare(ours: Sequence[float], theirs: Sequence[float], *, unit: str, digits: int) -> str:
    """How far one model's mean over seeds is from another's, in words that claim no more."""
    gain = mean(ours) - mean(theirs)
    if abs(gain) < 0.5 * 10**-digits:
        return f"the same to {10**-digits:.{digits}f}{unit}"
    words = f"{abs(gain):.{digits}f}{unit} {'more' if gain > 0 else 'less'}"
    inside = len(ours) > 1 and abs(gain) <= max(spread(ours), spread(theirs))
    return words + (", no more than the spread over seeds" if inside else "")


def listed(words: Iterable[object]) -> str:
    """a, b and c."""
    *before, last = map(str, words)
    return f"{', '.join(before)} and {last}" if before else last


def epochs(count: int) -> str:
    return "1 epoch" if count == 1 else f"{count} epochs"


def protocol(seeds: int) -> str:
    """How every number of a study was come by: the end of its opening."""
    told = "One seed: no spread can be given." if seeds == 1 else f"Mean ± sd of {seeds} seeds."
    return f"{told} The weights are those of the last epoch; the test images chose nothing."
