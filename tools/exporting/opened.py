"""An exported file, opened again: what every format can do."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from headrace.tools.exporting.description import Description


class Opened(NamedTuple):
    """An exported file, opened again.

    Attributes:
        description: what it says of itself.
        answer: (B, h, w, 3) uint8 to logits and probabilities, (B, classes) float32 each.
    """

    description: Description
    answer: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
