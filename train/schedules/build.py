"""The configured schedule, behind its warm-up."""

from __future__ import annotations

from headrace.train.schedules.span import Span
from headrace.train.schedules.warmup import Warmed, warmup_length
from headrace.train.settings.optim import OptimConfig


def run_span(optim: OptimConfig, steps_per_epoch: int) -> Span:
    """The span of a run."""
    total_steps = steps_per_epoch * optim.epochs
    return Span(
        peak=optim.peak_lr,
        steps_per_epoch=steps_per_epoch,
        total_steps=total_steps,
        warmup_steps=warmup_length(optim.warmup_epochs, steps_per_epoch, total_steps),
    )


def build_schedule(optim: OptimConfig, span: Span) -> Warmed:
    """The learning rate of each step; its `after` may be a hook."""
    return Warmed(after=optim.build("schedule", span), warmup_steps=span.warmup_steps)
