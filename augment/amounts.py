"""Values of a recipe's keys, checked: numbers, ranges, fills.

Amounts are written as torchvision writes them: a single number is a range about the neutral value,
a pair is the range itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from headrace.augment.settings import Fill, WarpConfig
from headrace.pipeline.errors import ConfigError

Range = float | Sequence[float]
LEAST_STRENGTH = 0.05


def number(name: str, value: Any, low: float = 0.0, high: float = float("inf")) -> float:
    """A finite number in low..high, else a ConfigError that names it."""
    sane = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not sane or not low <= value <= high:
        raise ConfigError(f"{name} is {value!r}: expected a number in {low:g}..{high:g}")
    return float(value)


def beta_strength(name: str, value: Any) -> float:
    """The strength of a Beta or Dirichlet distribution, of two and more Gamma numbers.

    Below LEAST_STRENGTH float32 has no number as small as most of these are: torch gives its least
    for all of them, and equal shares would be drawn, where nearly all belongs to one.
    """
    return number(name, value, LEAST_STRENGTH)


def whole(name: str, value: Any, low: int, high: int) -> int:
    """A whole number in low..high, else a ConfigError that names it."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ConfigError(f"{name} is {value!r}: expected a whole number in {low}..{high}")
    return value


def interval(
    name: str, value: Any, centre: float | None, low: float = 0.0, high: float = float("inf")
) -> tuple[float, float]:
    """A pair as it is, or a number as the range about ``centre``, cut off at ``low``.

    Raises:
        ConfigError: on anything else, and on a range that leaves low..high.
    """
    if isinstance(value, (list, tuple)):
        if len(value) != 2:
            raise ConfigError(f"{name} is {value!r}: expected a number or a pair of numbers")
        pair = (number(name, value[0], low, high), number(name, value[1], low, high))
        if pair[0] > pair[1]:
            raise ConfigError(f"{name} is {value!r}: the first number is above the second")
        return pair
    if centre is None:
        amount = number(name, value, low, high)
        return amount, amount
    amount = number(name, value, 0.0, high - centre)
    return max(centre - amount, low), centre + amount


def share_of_one(name: str, value: Any) -> float:
    """A probability or share."""
    return number(name, value, 0.0, 1.0)


def length_of(name: str, value: Any, least_px: int) -> int | float:
    """A length: pixels where it is whole, from ``least_px`` on, else a share of the side."""
    if isinstance(value, float):
        return share_of_one(name, value)
    return whole(name, value, least_px, 65535)


def fill_of(value: Any, mean: tuple[int, ...]) -> Fill:
    """black, mean, noise, a byte, or a byte for each channel; ``mean`` is the mean colour."""
    if value == "black":
        return Fill()
    if value == "mean":
        return Fill(colour=mean)
    if value == "noise":
        return Fill(noise=True)
    colour = value if isinstance(value, (list, tuple)) else [value]
    if len(colour) not in (1, len(mean)):
        raise ConfigError(
            f"fill is {value!r}: expected black, mean, noise, a byte, or one byte for each of "
            f"{len(mean)} channels"
        )
    return Fill(colour=tuple(whole("fill", byte, 0, 255) for byte in colour))


def warp_of(interpolation: Any, fill: Any, mean: tuple[int, ...]) -> WarpConfig:
    """Interpolation and fill of a warp."""
    outside = fill_of(fill, mean)
    if outside.noise:
        raise ConfigError("fill is 'noise': a warp needs a colour: black, mean or bytes")
    return WarpConfig(interpolation=interpolation, fill=outside.colour)
