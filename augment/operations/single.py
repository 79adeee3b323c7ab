"""A step of one operation: which key of the recipe gives its magnitude, and in which range."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from headrace.augment.amounts import interval, share_of_one, warp_of
from headrace.augment.draws import Drawn, SingleOp
from headrace.augment.ops import Op
from headrace.augment.settings import WarpConfig

Constructor = Callable[..., Any]


@dataclass(frozen=True, kw_only=True)
class Amount:
    """The key of a recipe that gives an operation's magnitude.

    Attributes:
        key: its name.
        default: its value where the recipe has none; None: the recipe has to have one.
        centre: a single number is a range about this; None: it is both ends of the range.
        low, high: bounds of what may be given.
        neutral: subtracted from what is given, so that a magnitude of 0 changes nothing.
        tangent: degrees, drawn as their tangent.
        whole: only whole numbers are drawn.
        unit: what a magnitude of 1 stands for: "one", "width" or "height" of the image in pixels.
    """

    key: str
    default: float | None = None
    centre: float | None = None
    low: float = 0.0
    high: float = float("inf")
    neutral: float = 0.0
    tangent: bool = False
    whole: bool = False
    unit: str = "one"

    def magnitudes(self, value: Any) -> tuple[float, float]:
        """The range of magnitudes of a recipe's value.

        Raises:
            ConfigError: when it is no range within the bounds.
        """
        low, high = interval(self.key, value, self.centre, self.low, self.high)
        if self.tangent:
            return math.tan(math.radians(low)), math.tan(math.radians(high))
        if self.whole:
            return round(low), round(high)
        return low - self.neutral, high - self.neutral


FACTOR = Amount(key="factor", centre=1.0, neutral=1.0)


@dataclass(frozen=True, kw_only=True)
class Single:
    """Constructor of a step of one operation; called with the keys of the recipe's item.

    Attributes:
        op: the operation.
        amount: the key of its magnitude; None: it has none.
        p: probability per sample where the recipe gives none.
        moves: whether it warps, so that the recipe may say interpolation and fill.
    """

    op: Op
    amount: Amount | None = None
    p: float = 1.0
    moves: bool = False

    @property
    def __signature__(self) -> inspect.Signature:
        """The keys of the recipe's item, with their defaults."""
        keys: dict[str, Any] = {}
        if self.amount is not None:
            default = self.amount.default
            keys[self.amount.key] = inspect.Parameter.empty if default is None else default
        keys["p"] = self.p
        if self.moves:
            keys |= {"interpolation": "bilinear", "fill": "black"}
        keys["mean"] = inspect.Parameter.empty
        kind = inspect.Parameter.KEYWORD_ONLY
        return inspect.Signature(
            [inspect.Parameter(key, kind, default=value) for key, value in keys.items()]
        )

    def __call__(self, *, mean: tuple[int, ...], **given: Any) -> Drawn:
        bound = self.__signature__.bind(mean=mean, **given)
        bound.apply_defaults()
        values = bound.arguments
        low, high, whole, unit = 0.0, 0.0, False, "one"
        if self.amount is not None:
            low, high = self.amount.magnitudes(values[self.amount.key])
            whole, unit = self.amount.whole, self.amount.unit
        p = share_of_one("p", values["p"])
        source = SingleOp(op=self.op, low=low, high=high, p=p, whole=whole, unit=unit)
        if not self.moves:
            return Drawn(source, WarpConfig())
        return Drawn(source, warp_of(values["interpolation"], values["fill"], mean))
