"""How much each class counts in a loss: given, or from how often it occurs.

Source: inverse as scikit-learn's "balanced"; effective number, Cui et al., "Class-balanced loss
based on effective number of samples", CVPR 2019.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.limits import MOST
from headrace.train.settings.technique import SHARE, Technique, check, check_all

if TYPE_CHECKING:
    from torch import Tensor

NAMED = ("none", "inverse", "effective")


@dataclass(frozen=True, kw_only=True)
class WeightedLoss(Technique):
    """Of a loss that may weigh classes."""

    class_weights: str = "none"
    """How much each class counts: none (alike), inverse (of its training samples), effective (of
    their effective number), or numbers in the order of the classes: 1,2.5,1."""
    effective_beta: float = 0.999
    """For effective: from 0 (all classes alike) to nearly 1 (as inverse)."""

    def __post_init__(self) -> None:
        given = _numbers(self.class_weights)
        ok = self.class_weights in NAMED or (given and all(0 < value <= MOST for value in given))
        expected = f"{', '.join(NAMED)}, or numbers above 0, of at most {MOST}: 1,2,1"
        check(bool(ok), "class_weights", self.class_weights, expected)
        check_all(self, {"effective_beta": SHARE})


def _numbers(text: str) -> list[float]:
    """Of "1,2.5,1"; empty if they are none."""
    try:
        return [float(word) for word in text.split(",")]
    except ValueError:
        return []


def class_weights(settings: WeightedLoss, counts: Tensor) -> Tensor | None:
    """The weights, of which the mean over the training samples is 1.

    Args:
        settings: what they are to be.
        counts: (C,) training samples of each class in an epoch, on average where they are drawn;
            one that has none counts as if it had one.

    Returns:
        (C,) float32 on the device of `counts`; None if all count alike.

    Raises:
        ConfigError: if not as many weights are given as there are classes.
    """
    import torch

    chosen = settings.class_weights
    if chosen == "none":
        return None
    number = counts.double().clamp(min=1)
    if chosen == "inverse":
        weights = 1 / number
    elif chosen == "effective":
        weights = (1 - settings.effective_beta) / (1 - settings.effective_beta**number)
    else:
        given = _numbers(chosen)
        if len(given) != len(counts):
            raise ConfigError(
                f"--class-weights {chosen}: {len(given)} numbers, but there are {len(counts)} "
                "classes; give one for each"
            )
        weights = torch.tensor(given, dtype=torch.float64, device=counts.device)
    return (weights * number.sum() / (weights * number).sum()).float()


def soft(targets: Tensor, num_classes: int) -> Tensor:
    """Targets as shares of the classes.

    Args:
        targets: (B,) int64 classes, or (B, C) soft already.
        num_classes: C.

    Returns:
        (B, C) float32.
    """
    if targets.ndim == 2:
        return targets
    # one_hot would read the least of them, to be sure.
    places = targets[:, None]
    hard: Tensor = places.new_zeros(len(targets), num_classes).scatter_(1, places, 1).float()
    return hard
