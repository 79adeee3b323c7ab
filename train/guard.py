"""What a user can mend of what torch raises in a run: no memory left, no deterministic form."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from headrace.train.device.determinism import NotDeterministic, without_deterministic_form
from headrace.train.device.memory import OutOfMemory, out_of_memory, ran_out, what_takes_less
from headrace.train.settings.config import RunConfig
from headrace.train.state import Run


@contextmanager
def guarded(run: Run, doing: str, *, training: bool) -> Iterator[None]:
    """Says in one line why what happens inside failed, and what to try.

    Args:
        run: which run.
        doing: what is done, for the user.
        training: whether gradients are taken.

    Raises:
        OutOfMemory, NotDeterministic: instead of torch's own errors.
    """
    progress = run.progress

    def place() -> str:
        return f"{doing} (epoch {progress.epoch + 1}, step {progress.step + 1})"

    def advice() -> str:
        return what_takes_less(
            run.config,
            run.device,
            processes=run.world.size,
            training=training,
            model=run.model,
            loader=run.train_loader.name,
        )

    with told(run.device, place, advice):
        yield


@contextmanager
def guarded_start(config: RunConfig, device: torch.device, processes: int) -> Iterator[None]:
    """The same while a run is put together: its model, its compiling, its first batches."""

    def advice() -> str:
        return what_takes_less(config, device, processes=processes, training=True)

    with told(device, lambda: "setting up the run", advice):
        yield


@contextmanager
def told(
    device: torch.device, place: Callable[[], str], advice: Callable[[], str]
) -> Iterator[None]:
    """Raises an error of ours for what torch raises inside.

    Args:
        device: where it computes.
        place: what was done, asked when it has failed.
        advice: what takes less memory, asked likewise.

    Raises:
        OutOfMemory, NotDeterministic: instead of torch's own errors.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if line := without_deterministic_form(error, device):
            raise NotDeterministic(line) from error
        if not ran_out(error):
            raise
        raise OutOfMemory(out_of_memory(error, place(), device, advice())) from error
