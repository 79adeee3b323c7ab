"""What becomes of the learning rate where a run is given more epochs than it was started with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headrace.pipeline.wording import counted
from headrace.train.hooks import Hook
from headrace.train.schedules.build import build_schedule, run_span
from headrace.train.schedules.warmup import Warmed
from headrace.train.settings.optim import OptimConfig


def begins_anew(before: OptimConfig, now: OptimConfig) -> bool:
    """Whether the schedule of `now` takes over nothing from that of `before`."""
    return now.schedule_from != before.schedule_from


def kept_on(
    kept: Mapping[str, dict[str, Any]], schedule: Warmed, before: OptimConfig, now: OptimConfig
) -> dict[str, dict[str, Any]]:
    """What hooks have kept, by their names, without what a schedule has seen that begins anew."""
    seen = schedule.after.name if isinstance(schedule.after, Hook) else ""
    anew = begins_anew(before, now)
    return {name: state for name, state in kept.items() if not (anew and name == seen)}


def rate_line(before: OptimConfig, now: OptimConfig, steps_per_epoch: int, done: int) -> str:
    """A line that says it; "" if nothing changes.

    Args:
        before: the settings of the checkpoint.
        now: those with which the run goes on.
        steps_per_epoch: of this run.
        done: optimizer steps so far.
    """
    anew = begins_anew(before, now)
    if before.epochs == now.epochs and not anew:
        return ""
    line = f"trains to {counted(now.epochs, 'epoch')}, not {before.epochs}: the learning rate"
    old, new = (build_schedule(optim, run_span(optim, steps_per_epoch)) for optim in (before, now))
    if anew and isinstance(new.after, Hook):  # the rate that it had come to is in its state alone
        place = f"at epoch {now.schedule_from + 1}; {new(done):.2e} at the next step"
        return f"{line} ({now.schedule}) begins anew {place}"
    if all(old(step) == new(step) for step in range(before.epochs * steps_per_epoch)):
        return f"{line} ({now.schedule}) goes on as it was"
    rates = f"{old(max(0, done - 1)):.2e} at the last step, {new(done):.2e} at the next"
    if anew:
        return f"{line} ({now.schedule}) begins anew at epoch {now.schedule_from + 1}; {rates}"
    hint = f"; --schedule-from {done // steps_per_epoch} would begin it anew"
    return f"{line} ({now.schedule}) is stretched over all of them; {rates}{hint}"
