"""Distillation: a student learns what teachers say about its batches, beside the labels.

A step makes smaller `h · loss(labels) + (1 − h) · T² · KL(teachers ‖ student)`, with h the share of
the labels and both softmaxes at temperature T; T² keeps the second part's gradient as large
whatever T is. The teachers see the very images that the student sees, augmented and mixed.

Sources: Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network", arXiv 1503.02531;
Beyer et al., "Knowledge distillation: a good teacher is patient and consistent", CVPR 2022 (the
same crop and mixing for both).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from headrace.pipeline.errors import ConfigError
from headrace.train.settings.technique import ABOVE_ZERO, SHARE, check_all

if TYPE_CHECKING:
    from torch import Tensor

    Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class DistillConfig:
    """Whom a student learns from, besides the labels."""

    teacher: tuple[str, ...] = ()
    """Distillation: run folders (their best.pt) or checkpoints whose answers are learnt too; of
    several the mean of their probabilities."""
    distill_temperature: float = 4.0
    """What logits of --teacher and student are divided by before they are compared."""
    hard_share: float = 0.1
    """Share of the labels' loss beside --teacher's (0: the teacher alone)."""

    def __post_init__(self) -> None:
        # A run goes on from other working directories too, and looks for its teachers again.
        whole = tuple(str(Path(place).absolute()) for place in self.teacher if place)
        object.__setattr__(self, "teacher", whole)
        check_all(self, {"distill_temperature": ABOVE_ZERO, "hard_share": SHARE})
        own = DistillConfig.__dataclass_fields__
        for name in () if whole else ("distill_temperature", "hard_share"):
            if getattr(self, name) != own[name].default:
                raise ConfigError(
                    f"--{name.replace('_', '-')} {getattr(self, name)} has no teacher to weigh; "
                    "name one with --teacher, or leave it out"
                )


def build(settings: DistillConfig, loss: Loss) -> Callable[[Tensor, Tensor, Tensor | None], Tensor]:
    """The loss of a batch, or of a part of it, that teachers may have answered about.

    Args:
        settings: temperature, and the labels' share.
        loss: of the labels: from (B, C) logits and targets to the mean over the batch.

    Returns:
        From logits (B, C), targets, and the teachers' probabilities (B, C) at the temperature, to a
        scalar; without teachers (None) it is `loss` as it is.
    """

    def taught(logits: Tensor, targets: Tensor, answers: Tensor | None) -> Tensor:
        if answers is None:
            return loss(logits, targets)
        soft = soft_loss(logits, answers, settings.distill_temperature)
        if not settings.hard_share:
            return soft
        return settings.hard_share * loss(logits, targets) + (1 - settings.hard_share) * soft

    return taught


def soft_loss(logits: Tensor, answers: Tensor, temperature: float) -> Tensor:
    """T² times the divergence of the student from its teachers, mean over the batch.

    Args:
        logits: (B, C) of the student, any floating dtype.
        answers: (B, C) float32 probabilities of the teachers at the temperature.
        temperature: T.
    """
    from torch.nn import functional as F

    log_q = (logits.float() / temperature).log_softmax(1)
    return temperature**2 * F.kl_div(log_q, answers, reduction="batchmean")
