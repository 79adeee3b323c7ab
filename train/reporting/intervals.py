"""How sure a share is, and a difference of two: intervals and tests of counts."""

from __future__ import annotations

import math

_Z = 1.959963984540054  # of the normal distribution, 95% on both sides


def wilson(right: float, count: int) -> tuple[float, float]:
    """The 95% interval of a share of independent samples; (0, 1) of none.

    Args:
        right: how many of them.
        count: of how many.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference", JASA
    1927; unlike the usual one it is not empty at 0 and at 1.
    """
    if count <= 0:
        return 0.0, 1.0
    share, square = right / count, _Z * _Z
    middle = (share + square / (2 * count)) / (1 + square / count)
    half = _Z / (1 + square / count)
    half *= math.sqrt(share * (1 - share) / count + square / (4 * count * count))
    return max(0.0, middle - half), min(1.0, middle + half)


def mcnemar(only_one: int, only_other: int) -> float:
    """The probability of such a difference, or a larger one, between two models that are as good.

    Args:
        only_one: samples that one of them alone has right.
        only_other: samples that the other alone has right.

    Source: McNemar, "Note on the sampling error of the difference between correlated proportions
    or percentages", Psychometrika 1947; the exact binomial form, on both sides.
    """
    total, smaller = only_one + only_other, min(only_one, only_other)
    if total == 0:
        return 1.0
    logs = [_log_choose(total, k) - total * math.log(2) for k in range(smaller + 1)]
    top = max(logs)
    tail = math.exp(top) * sum(math.exp(value - top) for value in logs)
    return min(1.0, 2 * tail)


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
