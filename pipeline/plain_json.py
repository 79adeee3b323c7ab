"""What JSON can say: numbers that are numbers; and reading what others wrote."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any


def finite(value: Any) -> Any:
    """With words in place of what JSON has no number for: `inf`, `-inf`, and null for NaN."""
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value


def read_json(text: str | bytes) -> Any:
    """What a JSON text says.

    Raises:
        ValueError: whatever is wrong with it, be it nested more deeply than Python can read.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
