"""CUDA's streams, events and memory as far as pipeline/device.py sees them, without a GPU.

A stream is a queue of operations that run when the test says so, which is when a GPU might. What is
kept of memory is which batch's bytes are in it. Whoever reads bytes of another batch, or writes
over what a copy has yet to read, fails at once.
"""

from __future__ import annotations

import ctypes
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np

POISON = 255
"""What memory holds that has been given away."""


class Stream:
    """Operations in order; each says whether it could run, or has to wait."""

    def __init__(self, gpu: Gpu) -> None:
        self._gpu = gpu
        self._queue: deque[Callable[[], bool]] = deque()
        self.asked = self.finished = 0
        self.waited_for: list[Event] = []
        gpu.streams.append(self)

    def add(self, operation: Callable[[], bool]) -> None:
        self._queue.append(operation)
        self.asked += 1

    def advance(self, count: int) -> bool:
        """Runs up to `count` operations; whether any ran."""
        ran = False
        for _ in range(count):
            if not self._queue or not self._queue[0]():
                break
            self._queue.popleft()
            self.finished += 1
            ran = True
        return ran

    # What follows is torch's.

    def record_event(self) -> Event:
        self._gpu.tick()
        return Event(self._gpu, self)

    def wait_event(self, event: Event) -> None:
        self._gpu.tick()
        self.waited_for.append(event)
        self.add(lambda: event.over)

    def synchronize(self) -> None:
        self._gpu.tick()
        while self._queue:
            assert self._gpu.advance_all(), "the streams wait for each other"


class Event:
    """A place in a stream."""

    def __init__(self, gpu: Gpu, stream: Stream) -> None:
        self._gpu, self.stream, self.place = gpu, stream, stream.asked

    @property
    def over(self) -> bool:
        return self.stream.finished >= self.place

    def query(self) -> bool:
        self._gpu.tick()
        return self.over


class OnHost:
    """A host tensor: an array, in pinned memory or not."""

    device = SimpleNamespace(type="cpu")

    def __init__(self, gpu: Gpu, array: np.ndarray, *, pinned: bool, cached: bool = False) -> None:
        self._gpu, self.array, self._pinned, self._cached = gpu, array, pinned, cached

    def pin_memory(self) -> OnHost:
        """A copy in memory that torch caches, and keeps until the copies of it are over."""
        if self._pinned:
            return self
        return OnHost(self._gpu, self.array.copy(), pinned=True, cached=True)

    def to(self, device: object, non_blocking: bool = False) -> OnDevice:
        assert self._pinned and non_blocking, "the host would wait for this copy"
        self._gpu.tick()
        value = int(self.array.flat[0])
        source = self.array if self._cached else _unowned(self.array)

        def copied() -> int:
            assert (source == value).all(), "a buffer was written again before its copy was over"
            return value

        return OnDevice(self._gpu, copied)


class OnDevice:
    """A tensor on the device: a block of memory, taken and filled on the current stream."""

    device = SimpleNamespace(type="cuda")

    def __init__(self, gpu: Gpu, value: Callable[[], int]) -> None:
        self._gpu, self.home = gpu, gpu.current
        self.recorded: list[Stream] = []
        self._bytes = block = [POISON]  # which outlives the tensor, as memory does

        def fill() -> bool:
            block[0] = value()
            return True

        self.home.add(fill)
        self.filled = self.home.asked
        weakref.finalize(self, gpu.free, block, self.home, self.recorded).atexit = False

    def record_stream(self, stream: Stream) -> None:
        self._gpu.tick()
        self.recorded.append(stream)

    def use(self, value: int) -> None:
        """A kernel on the current stream that reads the tensor."""
        stream, block = self._gpu.current, self._bytes
        if stream is not self.home:
            waits = [e.place for e in stream.waited_for if e.stream is self.home]
            assert max(waits, default=0) >= self.filled, "used before its copy was waited for"
            assert stream in self.recorded, "the allocator is not told who uses it"

        def read() -> bool:
            assert block[0] == value, f"bytes of {block[0]} where those of batch {value} should be"
            return True

        stream.add(read)


class Gpu:
    """One GPU; `cuda` is what code takes for `torch.cuda`.

    Attributes:
        progress: which stream goes on by how many operations, at each of the next calls.
    """

    def __init__(self) -> None:
        self.streams: list[Stream] = []
        self.progress: deque[tuple[int, int]] = deque()
        self._freed: list[tuple[list[int], Stream, list[Event]]] = []
        self.current = Stream(self)
        self.cuda = SimpleNamespace(
            Stream=lambda device: Stream(self),
            current_stream=lambda device: self.current,
            stream=self._with_stream,
        )

    def tick(self) -> None:
        """Time goes by, as it does between any two calls."""
        if self.progress:
            self.advance(*self.progress.popleft())

    def advance(self, number: int, count: int) -> bool:
        ran = self.streams[number % len(self.streams)].advance(count)
        self._give_away()
        return ran

    def advance_all(self) -> bool:
        """One operation of each stream; whether any ran."""
        return sum(self.advance(number, 1) for number in range(len(self.streams))) > 0

    def free(self, block: list[int], home: Stream, recorded: list[Stream]) -> None:
        """Memory that nobody holds goes to whoever asks next on its stream, and writes there once
        the streams that were recorded have done what they had been asked to."""
        users = {id(stream): stream for stream in recorded if stream is not home}
        self._freed.append((block, home, [Event(self, stream) for stream in users.values()]))
        self._give_away()

    def _give_away(self) -> None:
        waiting = self._freed
        self._freed = []
        for block, home, users in waiting:
            if all(event.over for event in users):
                home.add(lambda block=block: self._spoil(block))  # type: ignore[misc]
            else:
                self._freed.append((block, home, users))

    @staticmethod
    def _spoil(block: list[int]) -> bool:
        block[0] = POISON
        return True

    @contextmanager
    def _with_stream(self, stream: Stream) -> Iterator[None]:
        before, self.current = self.current, stream
        try:
            yield
        finally:
            self.current = before


def _unowned(array: np.ndarray) -> np.ndarray:
    """The same memory, which this one does not keep alive: a GPU has but an address."""
    address: Any = array.__array_interface__["data"][0]
    raw = (ctypes.c_uint8 * array.nbytes).from_address(address)
    return np.ctypeslib.as_array(raw).view(array.dtype)
