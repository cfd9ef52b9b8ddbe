"""How far runs with other seeds lie apart."""

from collections.abc import Sequence
from statistics import stdev


def spread(values: Sequence[float]) -> float:
    """Sample standard deviation over seeds; 0 where there is one.

    >>> spread([1.0, 2.0, 3.0]), spread([5.0])
    (1.0, 0.0)
    """
    return stdev(values) if len(values) > 1 else 0.0
