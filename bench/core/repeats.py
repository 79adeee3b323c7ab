"""Repeated measurements: in turn with each other, and what they come to.

times = interleaved({"a": run_a, "b": run_b}, repeats=5)    # a b a b a b ...
spread([1.0, 1.1, 0.9]).median                              # and .iqr, .count
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

T = TypeVar("T")


@dataclass(frozen=True)
class Spread:
    """Median of repeated measurements, and how far apart the middle half of them lies."""

    median: float
    iqr: float
    count: int


def spread(values: Iterable[float]) -> Spread:
    """Median and interquartile range (linear interpolation; 0 for a single value).

    Raises:
        ValueError: if there are no values.
    """
    array = np.asarray(list(values), np.float64)
    if not array.size:
        raise ValueError("no measurements to take the median of")
    low, middle, high = np.percentile(array, (25, 50, 75))
    return Spread(float(middle), float(high - low), int(array.size))


def interleaved(runs: Mapping[str, Callable[[], T]], repeats: int) -> dict[str, list[T]]:
    """Calls all runs in turn, `repeats` times over, so that a slow spell of the machine hits all.

    Every run should have warmed up before. Returns each run's results in order.
    """
    results: dict[str, list[T]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            results[name].append(run())
    return results
