"""What becomes of the learning rate where a run is given more epochs than it was started with."""

from __future__ import annotations

from headrace.pipeline.wording import counted
from headrace.train.schedules.build import build_schedule, run_span
from headrace.train.settings.optim import OptimConfig


def rate_line(before: OptimConfig, now: OptimConfig, steps_per_epoch: int, done: int) -> str:
    """A line that says it; "" if nothing changes.

    Args:
        before: the settings of the checkpoint.
        now: those with which the run goes on.
        steps_per_epoch: of this run.
        done: optimizer steps so far.
    """
    spans = (before.epochs, before.schedule_from), (now.epochs, now.schedule_from)
    if spans[0] == spans[1]:
        return ""
    line = f"trains to {counted(now.epochs, 'epoch')}, not {before.epochs}: the learning rate"
    old, new = (build_schedule(optim, run_span(optim, steps_per_epoch)) for optim in (before, now))
    if all(old(step) == new(step) for step in range(before.epochs * steps_per_epoch)):
        return f"{line} ({now.schedule}) goes on as it was"
    rates = f"{old(max(0, done - 1)):.2e} at the last step, {new(done):.2e} at the next"
    if now.schedule_from != before.schedule_from:
        return f"{line} ({now.schedule}) begins anew at epoch {now.schedule_from + 1}; {rates}"
    hint = f"; --schedule-from {done // steps_per_epoch} would begin it anew"
    return f"{line} ({now.schedule}) is stretched over all of them; {rates}{hint}"
