"""A backend that carries out plans, as its user sees it: epochs of batches, left when they like.

This holds what all loaders share: the plan, labels, bad samples, the copy to the device, leaving
an epoch early, and ending without a trace.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from functools import cached_property
from typing import Any

import numpy as np
import torch

from headrace.pipeline.backend import Backend, LoaderConfig
from headrace.pipeline.batch import Batch
from headrace.pipeline.device import to_device
from headrace.pipeline.errors import BadSampleError, ClosedError, ConfigError
from headrace.pipeline.loaders import WITHOUT_LEVELS
from headrace.pipeline.loaders.reference import fill_slot
from headrace.pipeline.mix import Mix
from headrace.pipeline.plan import EpochPlan, make_plan, num_batches
from headrace.pipeline.position import (
    Position,
    checked_epoch,
    described_data,
    noted,
    read_position,
)
from headrace.pipeline.records import Records
from headrace.pipeline.sampling import sample_weights

_all_running: weakref.WeakSet[_Running] = weakref.WeakSet()
_inherited: list[_Running] = []
"""What a forked child has of its parent's loaders: kept, since to let go of it would wait for
threads that were not copied, or stop worker processes that are the parent's."""


def _after_fork() -> None:
    _inherited.extend(_all_running)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class _Running:
    """The epoch under way, if any, and what it runs on; one thread at a time goes on with it.

    It does not know the loader, which may be collected in the middle of an epoch.

    Attributes:
        process: number of the process that opened the loader.
        num_skipped: bad samples replaced so far.
    """

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.num_skipped = 0
        self._batches: Generator[Batch, None, None] | None = None
        self._lock = threading.RLock()
        self._released = False
        self.process = os.getpid()
        _all_running.add(self)

    def check_process(self) -> None:
        """Refuses to go on in a child that `os.fork` made: threads are not copied into it.

        Raises:
            ConfigError: naming both processes.
        """
        if os.getpid() != self.process:
            raise ConfigError(
                f"this loader was opened in process {self.process} and cannot be used in its "
                f"forked child {os.getpid()}; open another one there"
            )

    def begin(self, batches: Generator[Batch, None, None]) -> None:
        """Ends the epoch under way and begins another.

        Raises:
            ClosedError: after `release`; as when a thread goes on while the interpreter ends.
        """
        with self._lock:
            self.end()
            if self._released:
                raise ClosedError("this loader is closed; open another")
            self._batches = batches

    def advance(self, batches: Generator[Batch, None, None]) -> Batch:
        """The next of `batches`; StopIteration also if they were ended meanwhile."""
        self.check_process()
        with self._lock:
            return next(batches)

    def end(self, batches: Generator[Batch, None, None] | None = None) -> None:
        """Ends the epoch under way, or only if it is the one given."""
        # Asked without the lock: collecting an iterator long ended must not wait for another.
        if self._batches is None or (batches is not None and batches is not self._batches):
            return
        with self._lock:
            if batches is not None and batches is not self._batches:
                return  # another thread has begun another meanwhile
            under_way, self._batches = self._batches, None
            if under_way is not None:
                under_way.close()

    def release(self) -> None:
        """Ends the epoch, then the backend; in a forked child neither is there."""
        if os.getpid() == self.process:
            with self._lock:
                self._released = True
                try:
                    self.end()
                finally:
                    self.backend.close()


class EpochIterator(Iterator[Batch]):
    """The batches of one epoch; see `PlannedLoader.epoch`.

    Held by whoever iterates, it keeps the loader alive. Dropping it, or `close`, ends the epoch.
    """

    def __init__(
        self,
        loader: PlannedLoader,
        running: _Running,
        batches: Generator[Batch, None, None],
        position: Position,
    ) -> None:
        self._loader, self._running, self._batches = loader, running, batches
        self._position = position
        self._num_batches = len(loader)

    def __next__(self) -> Batch:
        position = self._position
        try:
            batch = self._running.advance(self._batches)
        except StopIteration:
            # Not where the epoch was ended before: then the position is no longer the loader's.
            if position.begun and position.step == self._num_batches:
                position.epoch, position.step, position.begun = position.epoch + 1, 0, False
            raise
        position.step += 1
        return batch

    def close(self) -> None:
        """Ends the epoch; does nothing if it has ended already."""
        self._running.end(self._batches)

    def __del__(self) -> None:
        if os.getpid() == self._running.process:
            self.close()


class PlannedLoader:
    """Yields the batches of a plan; see `open_loader`.

    To iterate over it is to go through the next epoch: the first pass through epoch 0, the next
    one, also after a pass that was left early, through epoch 1. `set_epoch` names another, and
    `epoch` goes through a given one. `state_dict` says how many batches of which epoch were handed
    out; in another loader of the same plan `load_state_dict` lets the next pass go on there.

    Attributes:
        name: which loader this is.
        records: what it reads.
        config: its settings; `workers` as decided.
    """

    def __init__(
        self,
        name: str,
        records: Records,
        config: LoaderConfig,
        chosen: np.ndarray,
        backend: Backend,
        mix: Mix | None = None,
    ) -> None:
        self.name = name
        self.records = records
        self.config = config
        self._chosen = chosen
        self._mix = mix
        train = config.plan.train
        self._weights = sample_weights(config.sampling, records, self._chosen) if train else None
        self._running = _Running(backend)
        self._position = Position()
        self._closed = False
        # Threads inside a native library at the interpreter's end abort it, so a loader that
        # nobody closed is closed then, or when it is collected.
        self._let_go = weakref.finalize(self, self._running.release)

    def __len__(self) -> int:
        count = len(self._chosen) if self._mix is None else self._mix.num_samples
        return num_batches(count, self.config.plan)

    @property
    def num_skipped(self) -> int:
        """Bad samples replaced so far."""
        return self._running.num_skipped

    @cached_property
    def _data(self) -> dict[str, Any]:
        """What a state notes of the samples; the tables that it is made of outlive `close`."""
        return described_data(self.records, self._chosen, self._weights, self._mix)

    def shape(self, epoch: int) -> tuple[int, int]:
        """Height and width of an epoch's images, px."""
        return self.config.plan.at(checked_epoch(epoch)).shape

    def plan(self, epoch: int) -> EpochPlan:
        """What `epoch(epoch)` is going to load."""
        records = self.records
        return make_plan(
            records.heights,
            records.widths,
            self._chosen,
            self.config.plan,
            epoch,
            self._weights,
            None if self.name in WITHOUT_LEVELS else records.levels,
            self._mix,
        )

    def epoch(self, epoch: int = 0, start: int = 0) -> EpochIterator:
        """Iterates over an epoch's batches from batch `start` on.

        Leaving the iteration early is fine. A loader runs one epoch at a time: starting another
        ends the one before.

        Raises:
            BadSampleError: while iterating, at a sample that cannot be decoded.
            ClosedError: if the loader is closed, or, while iterating too, its records are.
            ConfigError: if `start` is not between 0 and the number of batches, or in a forked
                child of the process that opened the loader.
            RecordsError: if the records' file was cut short since it was opened.
        """
        if self._closed:
            raise ClosedError("this loader is closed; open another")
        self.records.check_files()
        self._running.check_process()
        epoch = checked_epoch(epoch)
        if not 0 <= start <= len(self):
            raise ConfigError(f"start is {start}, expected 0 to {len(self)} batches")
        self._running.end()
        batches = to_device(
            _batches(self.records, self.config, self._running, self.plan(epoch), start),
            self.config.device,
        )
        self._running.begin(batches)
        self._position = Position(epoch, start, begun=True)
        return EpochIterator(self, self._running, batches, self._position)

    def __iter__(self) -> EpochIterator:
        """Iterates over the next epoch, or the rest of one that was loaded in its middle.

        Raises:
            as `epoch` does.
        """
        there = self._position.following()
        return self.epoch(there.epoch, there.step)

    @property
    def position(self) -> tuple[int, int]:
        """The running or the next pass' epoch, and how many of its batches were handed out."""
        return self._position.epoch, self._position.step

    def set_epoch(self, epoch: int) -> None:
        """Lets the next pass go through a given epoch, as a DistributedSampler's `set_epoch` does.

        From its start, or from where it was when it has just been loaded. A pass under way goes on.

        Raises:
            ConfigError: if it is no number from 0.
        """
        epoch = checked_epoch(epoch)
        if self._position.begun or self._position.epoch != epoch:
            self._position = Position(epoch)

    def state_dict(self) -> dict[str, Any]:
        """Where the loader stands, as what JSON holds: counted are the batches handed out."""
        return noted(self._position, self.config.plan, self._data)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Lets the next pass go on where the loader that gave `state` was; ends one under way.

        A pass of which all batches had been handed out, but not yet its end, ends at once.

        Raises:
            ConfigError: if it is of another plan or other data; ranks, workers and the loader's
                name may differ.
        """
        position = read_position(state, self.config.plan, self._data, len(self))
        self._running.end()
        self._position = position

    def close(self) -> None:
        """Ends a running epoch and lets go of threads, processes and buffers."""
        if not self._closed:
            self._closed = True
            self._let_go()

    def __enter__(self) -> PlannedLoader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _batches(
    records: Records, config: LoaderConfig, running: _Running, plan: EpochPlan, start: int
) -> Generator[Batch, None, None]:
    """A plan's batches as the backend makes them, with labels, and bad samples dealt with."""
    if start >= plan.num_batches:
        return
    with closing(running.backend.stream(plan, start)) as stream:
        for step, (images, bad) in enumerate(stream, start):
            records.check_open()
            places = plan.batch_slice(step)
            indices = plan.indices[places].copy()
            for slot, reason in bad:
                index = int(indices[slot])
                error = BadSampleError(index, records.name(index), reason)
                if config.decode.on_bad_sample == "raise":
                    raise error
                indices[slot] = _replace(records, images, slot, plan, places.start + slot, error)
                running.num_skipped += 1
            labels = torch.from_numpy(records.labels[indices])
            yield Batch(images, labels, torch.from_numpy(indices))


def _replace(
    records: Records,
    images: torch.Tensor,
    slot: int,
    plan: EpochPlan,
    place: int,
    error: BadSampleError,
) -> int:
    """Fills a slot with the next sample of the plan that decodes; returns its index."""
    for step in range(1, len(plan.indices)):
        other = (place + step) % len(plan.indices)
        try:
            fill_slot(records, plan, other, images, slot)
        except BadSampleError:
            continue
        return int(plan.indices[other])
    raise error
