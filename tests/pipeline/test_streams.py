"""Batches on their way to a GPU as a state machine: whenever copies end and whatever is dropped.

It runs pipeline/device.py and pipeline/buffers.py on a simulated GPU (simulated_cuda.py), whose
streams go on when hypothesis says so. That it finds mistakes, tests/promises/test_mutations.py
shows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from headrace.pipeline.batch import Batch
from tests.mutated import loaded
from tests.pipeline.simulated_cuda import POISON, Gpu, OnDevice, OnHost

ROWS, SHAPE, LABELS = 2, (2, 2), 3
PROGRESS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 4)), max_size=12)


class Poisoned(deque[np.ndarray]):
    """The free buffers of a pool: what comes back is spoilt at once."""

    def append(self, buffer: np.ndarray) -> None:
        buffer[:] = POISON
        super().append(buffer)


class Journey(RuleBasedStateMachine):
    """A loader's batches go to the device; whoever trains uses, holds, drops them, or leaves."""

    device: ModuleType = loaded("headrace.pipeline.device")
    buffers: ModuleType = loaded("headrace.pipeline.buffers")

    @initialize(
        count=st.integers(0, 6),
        pinned=st.booleans(),
        decoded_there=st.booleans(),
        own=st.booleans(),
    )
    def open(self, count: int, pinned: bool, decoded_there: bool, own: bool) -> None:
        """Images in buffers, pinned or not, or on the device already; perhaps one's own stream."""
        self.gpu = Gpu()
        if own:
            self.gpu.current = self.gpu.cuda.Stream(None)
        self.device.torch = SimpleNamespace(cuda=self.gpu.cuda)  # type: ignore[attr-defined]
        self.pool = self.buffers.BufferPool(ROWS, SHAPE, pinned=False)
        self.pool._free = Poisoned()
        self.num_buffers, make = 0, self.pool._new

        def counted() -> np.ndarray:
            self.num_buffers += 1
            made: np.ndarray = make()
            return made

        self.pool._new = counted
        self.held: list[tuple[int, Any]] = []
        self.taken, self.count, self.left = 0, count, False
        made = self.made(count, pinned, decoded_there)
        self.batches = self.device.to_device(made, SimpleNamespace(type="cuda"))

    def made(self, count: int, pinned: bool, decoded_there: bool) -> Generator[Any, None, None]:
        """What a loader makes: batch n holds nothing but n."""
        for number in range(count):
            labels = OnHost(self.gpu, np.full(LABELS, number), pinned=False)
            indices = OnHost(self.gpu, np.full(LABELS, number), pinned=False)
            if decoded_there:
                images: Any = OnDevice(self.gpu, lambda number=number: number)  # type: ignore[misc]
            else:
                lent = self.pool.lend(ROWS)
                lent[:] = number
                images = OnHost(self.gpu, lent, pinned=pinned)
                del lent
            yield Batch(images, labels, indices)
            del images

    @precondition(lambda self: not self.left)
    @rule(progress=PROGRESS)
    def take(self, progress: list[tuple[int, int]]) -> None:
        self.gpu.progress = deque(progress)
        batch = next(self.batches, None)
        if batch is None:
            assert self.taken == self.count
            self.left = True
        else:
            self.held.append((self.taken, batch))
            self.taken += 1

    @precondition(lambda self: self.held)
    @rule(data=st.data(), drop=st.booleans())
    def use(self, data: st.DataObject, drop: bool) -> None:
        """Kernels that read a batch, which may be dropped long before they run."""
        place = data.draw(st.integers(0, len(self.held) - 1))
        number, batch = self.held[place]
        for tensor in batch:
            tensor.use(number)
        if drop:
            del self.held[place]

    @rule(number=st.integers(0, 2), count=st.integers(1, 8))
    def time_goes_by(self, number: int, count: int) -> None:
        self.gpu.advance(number, count)

    @precondition(lambda self: not self.left)
    @rule(progress=PROGRESS)
    def leave_early(self, progress: list[tuple[int, int]]) -> None:
        self.gpu.progress = deque(progress)
        self.batches.close()
        self.left = True

    @invariant()
    def the_consumers_stream_is_current(self) -> None:
        assert not self.held or self.gpu.current is not self.held[0][1].labels.home

    def teardown(self) -> None:
        """What is held is used once more, and when all is done nothing is lent any longer."""
        if not hasattr(self, "gpu"):
            return
        self.batches.close()
        for number, batch in self.held:
            for tensor in batch:
                tensor.use(number)
        self.held = []
        while self.gpu.advance_all():
            pass
        assert all(stream.finished == stream.asked for stream in self.gpu.streams)
        assert len(self.pool._free) == self.num_buffers, "a source is kept after its copy"


Journey.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestJourney = Journey.TestCase
