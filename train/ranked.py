"""Scores as they are compared, where one of them is not a number."""

from __future__ import annotations

import math


def ranked(score: float) -> float:
    """A score of which higher is better; minus infinity if it is not a number.

    So any number is better than none, which no comparison with NaN itself would say.
    """
    return -math.inf if math.isnan(score) else score
