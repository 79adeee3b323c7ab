"""Going on with another number of processes than a run had when it was saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.plan import PlanConfig, Tail, num_batches
from headrace.pipeline.records import Records
from headrace.pipeline.shares import epoch_samples
from headrace.train.data.inputs import choose_tail
from headrace.train.settings.config import DataConfig


def other_world_line(before: int, now: int, data: DataConfig, records: Records) -> str:
    """What another number of processes changes, for the user; "" if the number is the same.

    Args:
        before: processes when the run was saved.
        now: processes that go on with it.
        data: the run's settings.
        records: its samples.

    Raises:
        ConfigError: if an epoch would have another number of steps, or a batch cannot be shared.
    """
    if before == now:
        return ""
    if data.batch_size % now:
        raise ConfigError(
            f"cannot resume with {now} processes: expected a number that divides --batch-size "
            f"{data.batch_size}, such as the {before} it had"
        )
    count = epoch_samples(records, records.select(data.train_split)) * data.aug_repeats
    tails = [choose_tail(count, data.batch_size, data.drop_last, size) for size in (before, now)]
    steps = [_steps(count, data, *way) for way in zip(tails, (before, now), strict=True)]
    if steps[0] != steps[1]:
        raise ConfigError(
            f"cannot resume with another number of processes ({now}, until now {before}): an epoch "
            f"would have {steps[1]} steps instead of {steps[0]}; take {before} again"
        )
    last = ""
    if tails[0] != tails[1] and count % data.batch_size:
        filled = "is filled up with" if tails[1] == "pad" else "is no longer filled up with"
        last = f" (but an epoch's last, which {filled} samples that come twice)"
    return (
        f"processes: {now}, until now {before}: the global batches stay the same samples{last}, "
        "cut the same way; augmentation and dropout draw other numbers from here on"
    )


def regrouped(states: Sequence[Mapping[str, Any]], rank: int, size: int) -> dict[str, Any]:
    """What a process takes over of the states that each process had.

    Of another number of them, those that were there before go on with their own streams, new ones
    begin theirs, and the sums of the steps since the last log row are rank 0's.

    Args:
        states: by rank, when the run was saved: `augmenter`, and `meter` as a tensor of sums.
        rank: of this process.
        size: processes that there are now.

    Returns:
        The states to load; a part that is not in it stays as it was built.
    """
    if len(states) == size:
        return dict(states[rank])
    mine = dict(states[rank]) if rank < len(states) else {}
    sums = torch.stack([state["meter"] for state in states]).sum(0)
    return {**mine, "meter": sums if rank == 0 else torch.zeros_like(sums)}


def _steps(count: int, data: DataConfig, tail: Tail, size: int) -> int:
    """Steps of an epoch of `count` samples with so many processes."""
    return num_batches(count, PlanConfig(batch_size=data.batch_size, tail=tail, world_size=size))
