"""The hunt for races: long kernels on the stream that uses batches, poison in what is reused."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator

import numpy as np
import pytest
import torch

from headrace.pipeline import buffers
from headrace.pipeline.batch import Batch
from headrace.pipeline.buffers import BufferPool
from headrace.pipeline.device import to_device
from headrace.pipeline.loader import open_loader
from headrace.pipeline.records import Records

POISON = 0xA5
SHAPE = (48, 48)
ROWS = 16


class Poisoned(deque[np.ndarray]):
    """The free buffers of a pool: what comes back is spoilt at once."""

    def append(self, buffer: np.ndarray) -> None:
        buffer[:] = POISON
        super().append(buffer)


@pytest.fixture
def poison(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buffers, "deque", Poisoned)


def numbered(count: int, pinned: bool) -> Generator[Batch, None, None]:
    """Batches whose bytes tell their number, in buffers that come back."""
    pool = BufferPool(ROWS, SHAPE, pinned=pinned)
    for number in range(count):
        lent = pool.lend(ROWS)
        lent[:] = number % 100
        images = torch.from_numpy(lent).permute(0, 3, 1, 2)
        del lent
        yield Batch(images, torch.full((ROWS,), number), torch.full((ROWS,), number))
        del images


@pytest.mark.parametrize("own_stream", [False, True])
@pytest.mark.parametrize("pinned", [False, True])
def test_copies_are_whole_when_they_are_used(
    device: torch.device, busy: Callable[[], None], poison: None, pinned: bool, own_stream: bool
) -> None:
    """The consumer lags far behind the host, on the default stream or on one of its own."""
    cuda = device.type == "cuda"
    count = 40 if cuda else 5
    stream = torch.cuda.Stream(device) if cuda and own_stream else None
    sums = []
    with torch.cuda.stream(stream):
        for batch in to_device(numbered(count, pinned and cuda), device):
            busy()
            sums.append((batch.images.long().sum(), batch.labels.sum(), batch.images.clone()))
            del batch  # its memory may be given to the next copy, if nobody has said who uses it
        if cuda:
            torch.cuda.synchronize(device)
    for number, (images, labels, copy) in enumerate(sums):
        assert (copy == number % 100).all(), f"batch {number} is not what was copied"
        assert int(images) == number % 100 * ROWS * 3 * SHAPE[0] * SHAPE[1]
        assert int(labels) == number * ROWS


@pytest.mark.parametrize("kind", ["jpeg", "raw", "mixed"])
def test_a_busy_stream_sees_the_bytes_of_an_idle_one(
    records_of: Callable[[str], Records],
    loader_name: str,
    device: torch.device,
    busy: Callable[[], None],
    poison: None,
    kind: str,
) -> None:
    """Every loader, the same epochs twice: with a wait after each batch, and without any."""
    epochs = 2 if device.type == "cpu" else 6
    with open_loader(
        records_of(kind), loader=loader_name, size=SHAPE, batch_size=5, workers=3, device=device
    ) as loader:
        calm = []
        for epoch in range(epochs):
            for batch in loader.epoch(epoch):
                calm.append(batch.images.cpu().clone())
        hurried = []
        for epoch in range(epochs):
            for batch in loader.epoch(epoch):
                busy()
                hurried.append(batch.images.clone())
                del batch
        for number, (one, other) in enumerate(zip(calm, hurried, strict=True)):
            assert torch.equal(one, other.cpu()), f"batch {number} differs"


def test_batches_that_are_held_stay_as_they_are(
    records_of: Callable[[str], Records],
    loader_name: str,
    device: torch.device,
    busy: Callable[[], None],
    poison: None,
) -> None:
    with open_loader(
        records_of("mixed"), loader=loader_name, size=SHAPE, batch_size=5, workers=3, device=device
    ) as loader:
        held = []
        for epoch in range(2):
            for batch in loader.epoch(epoch):
                busy()
                held.append((batch, batch.images.clone()))
        for batch, copy in held:
            assert torch.equal(batch.images, copy)
