"""Expressions that end in a draw: a share, or one of K folds, of the samples before the bar.

::

    train | 20%, seed 0                     a fifth of each class
    train | all but 20%, seed 0             the rest
    train+val | fold 1 of 5, seed 0         one of the folds 0 to 4, of each class alike
    train+val | all but fold 1 of 5, seed 0
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from headrace.pipeline.errors import RecordsError
from headrace.pipeline.stratified import fold_numbers, in_share

BAR = "|"
FORMS = "'20%, seed 0' or 'fold 0 of 5, seed 0', with 'all but' before either for the rest"
_DRAW = re.compile(
    r"(.+)\|\s*(all\s+but\s+)?"
    r"(?:fold\s+([0-9]{1,9})\s+of\s+([0-9]{1,9})|([0-9]{1,9}(?:\.[0-9]{1,15})?)%)"
    r"\s*,\s*seed\s+([0-9]{1,18})\s*",
    re.DOTALL,
)


@dataclass(frozen=True, kw_only=True)
class DrawnPart:
    """A part that is drawn of what another expression means; its text is an expression too.

    Attributes:
        whole: the expression of which it is a part.
        percent: of each class; 0 for a fold.
        fold, num_folds: which of how many; 0 of 0 for a share.
        seed: of the draw.
        is_rest: whether all the others are meant.

    Raises:
        RecordsError: for a share or a fold that there cannot be.
    """

    whole: str
    percent: Decimal = Decimal(0)
    fold: int = 0
    num_folds: int = 0
    seed: int = 0
    is_rest: bool = False

    def __post_init__(self) -> None:
        if self.num_folds == 0 and not 0 < self.percent < 100:
            raise RecordsError(f"no {self.percent}% to draw: expected above 0 and below 100")
        if self.num_folds == 1 or (self.fold and not self.num_folds):
            raise _too_few(self.fold, self.num_folds)
        if self.num_folds and self.fold >= self.num_folds:
            raise RecordsError(
                f"no fold {self.fold} of {self.num_folds}: folds count from 0, expected 0 to "
                f"{self.num_folds - 1}"
            )

    def __str__(self) -> str:
        fold = f"fold {self.fold} of {self.num_folds}"
        part = fold if self.num_folds else f"{self.percent.normalize():f}%"
        rest = "all but " if self.is_rest else ""
        return f"{self.whole} {BAR} {rest}{part}, seed {self.seed}"

    @property
    def rest(self) -> DrawnPart:
        """The others."""
        return replace(self, is_rest=not self.is_rest)

    def of(self, labels: np.ndarray) -> np.ndarray:
        """(n,) bool: which of the samples with these labels, (n,) int64, are drawn."""
        if self.num_folds:
            drawn = fold_numbers(labels, self.num_folds, self.seed) == self.fold
        else:
            drawn = in_share(labels, float(self.percent) / 100, self.seed)
        return drawn != self.is_rest


def _too_few(fold: int, num_folds: int) -> RecordsError:
    return RecordsError(f"no fold {fold} of {num_folds}: expected 2 folds or more")


def read_draw(expression: str) -> DrawnPart | None:
    """The draw in which an expression ends; None if it ends in none.

    Raises:
        RecordsError: for a share or a fold that there cannot be.
    """
    found = _DRAW.fullmatch(expression)
    if found is None:
        return None
    whole, rest, fold, num_folds, percent, seed = found.groups()
    if num_folds is not None and int(num_folds) == 0:
        raise _too_few(int(fold), 0)
    return DrawnPart(
        whole=whole.strip(),
        percent=Decimal(percent or 0),
        fold=int(fold or 0),
        num_folds=int(num_folds or 0),
        seed=int(seed),
        is_rest=rest is not None,
    )
