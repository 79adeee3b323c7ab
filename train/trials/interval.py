"""Mean, deviation and confidence interval of a few numbers."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Any

_HALVINGS = 200


def over_runs(values: Sequence[float | None]) -> dict[str, Any]:
    """What several runs' values of one metric say.

    Args:
        values: of each run; None or not a number where it is undefined, which is left out.

    Returns:
        `mean`; `std`, the sample's (divided by n - 1); `ci95`, the [low, high] of Student's t
        interval for the mean; `runs`, all values. None where there are too few.
    """
    known = [value for value in values if value is not None and math.isfinite(value)]
    mean = statistics.fmean(known) if known else None
    std, interval = None, None
    if mean is not None and len(known) > 1:
        std = statistics.stdev(known)
        half = t_quantile(0.975, len(known) - 1) * std / math.sqrt(len(known))
        interval = [mean - half, mean + half]
    runs = [None if value is None or not math.isfinite(value) else value for value in values]
    return {"mean": mean, "std": std, "ci95": interval, "runs": runs}


def t_quantile(probability: float, degrees: int) -> float:
    """The quantile of Student's t distribution.

    Args:
        probability: above 0.5 and below 1.
        degrees: of freedom, 1 or more.
    """
    low, high = 0.0, math.pi / 2
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _central(middle, degrees) < 2 * probability - 1:
            low = middle
        else:
            high = middle
    return math.sqrt(degrees) * math.tan(low)


def _central(angle: float, degrees: int) -> float:
    """The probability of |t| below sqrt(degrees) * tan(angle).

    Source: Abramowitz and Stegun, "Handbook of mathematical functions", 26.7.3 and 26.7.4.
    """
    cosine, sine = math.cos(angle), math.sin(angle)
    odd = degrees % 2 == 1
    term = total = cosine if odd else 1.0
    for k in range(3 if odd else 2, degrees - 1, 2):
        term *= cosine**2 * (k - 1) / k
        total += term
    if not odd:
        return sine * total
    return 2 / math.pi * (angle + (sine * total if degrees > 1 else 0.0))
