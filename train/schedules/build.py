"""The configured schedule, behind its warm-up."""

from __future__ import annotations

from headrace.train.schedules.span import Span
from headrace.train.schedules.warmup import Warmed, warmup_length
from headrace.train.settings.optim import OptimConfig


def run_span(optim: OptimConfig, steps_per_epoch: int) -> Span:
    """The span of a run."""
    return _span(optim, steps_per_epoch, optim.epochs)


def build_schedule(optim: OptimConfig, span: Span) -> Warmed:
    """The learning rate of each step; its `after` may be a hook."""
    first = optim.schedule_from * span.steps_per_epoch
    if first:
        span = _span(optim, span.steps_per_epoch, optim.epochs - optim.schedule_from)
    after = optim.build("schedule", span)
    return Warmed(after=after, warmup_steps=span.warmup_steps, first_step=first)


def _span(optim: OptimConfig, steps_per_epoch: int, epochs: int) -> Span:
    total_steps = steps_per_epoch * epochs
    return Span(
        peak=optim.peak_lr,
        steps_per_epoch=steps_per_epoch,
        total_steps=total_steps,
        warmup_steps=warmup_length(optim.warmup_epochs, steps_per_epoch, total_steps),
    )
