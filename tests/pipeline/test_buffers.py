"""The buffer pool as a state machine: whatever is done with what it lends, nobody meets another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from headrace.pipeline.buffers import BufferPool

ROWS, SIZE = 4, 2
View = Any  # numpy.ndarray or torch.Tensor

DERIVE: dict[str, Callable] = {
    "slice": lambda a: a[: max(1, len(a) // 2)],
    "slice of a slice": lambda a: a[:][-1:],
    "reshape": lambda a: a.reshape(-1),
    "transpose": lambda a: a.swapaxes(0, -1),
    "one element": lambda a: a[:1],
    "the other library": lambda a: a.numpy() if torch.is_tensor(a) else torch.from_numpy(a),
    "memoryview": lambda a: np.asarray(memoryview(a.numpy() if torch.is_tensor(a) else a)),
    "dlpack": lambda a: torch.from_dlpack(a),
}
"""Ways to reach the same memory without the array that was lent."""


class CountingPool(BufferPool):
    made = 0

    def _new(self) -> np.ndarray:
        self.made += 1
        return super()._new()


class Borrowers(RuleBasedStateMachine):
    """Each loan has a value of its own; whoever holds a view of it reads and writes only that."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = CountingPool(ROWS, (SIZE, SIZE), pinned=False)
        self.held: list[tuple[int, View]] = []
        self.next_value = 0
        self.most_lent = 0

    @rule(rows=st.integers(1, ROWS))
    def lend(self, rows: int) -> None:
        lent = self.pool.lend(rows)
        assert lent.shape == (rows, SIZE, SIZE, 3) and lent.flags.c_contiguous
        self.next_value = self.next_value % 255 + 1
        lent[:] = self.next_value
        self.held.append((self.next_value, lent))
        self.most_lent = max(self.most_lent, len({value for value, _ in self.held}))

    @precondition(lambda self: self.held)
    @rule(data=st.data(), way=st.sampled_from(sorted(DERIVE)), keep=st.booleans())
    def look_through(self, data: st.DataObject, way: str, keep: bool) -> None:
        """Makes a view of a view; the one before may go."""
        place = data.draw(st.integers(0, len(self.held) - 1))
        value, view = self.held[place]
        self.held.append((value, DERIVE[way](view)))
        if not keep:
            del self.held[place]

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def write_late(self, data: st.DataObject) -> None:
        """A job that was forgotten writes into the part that it holds."""
        value, view = self.held[data.draw(st.integers(0, len(self.held) - 1))]
        view[...] = value

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def let_go(self, data: st.DataObject) -> None:
        del self.held[data.draw(st.integers(0, len(self.held) - 1))]

    @invariant()
    def everybody_sees_their_own(self) -> None:
        for value, view in self.held:
            assert (np.asarray(view) == value).all()

    @invariant()
    def buffers_are_used_again(self) -> None:
        assert self.pool.made <= self.most_lent


Borrowers.TestCase.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)
TestBorrowers = Borrowers.TestCase
