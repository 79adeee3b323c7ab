"""The loader that is always there: the reference decoder in the worker processes of a DataLoader.

It is called after torchvision, by which it once decoded, since that is how settings name it.
"""

from __future__ import annotations

import errno
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler, get_worker_info

from headrace.pipeline.backend import Decoded, LoaderConfig
from headrace.pipeline.containers.checksums import DAMAGED
from headrace.pipeline.containers.storage import MappedStorage, Storage
from headrace.pipeline.decoding import decode_stored
from headrace.pipeline.errors import FailedError
from headrace.pipeline.levels import level_words
from headrace.pipeline.loaders.settings import DecodeConfig
from headrace.pipeline.loaders.worker_processes import prepare_worker, worker_context
from headrace.pipeline.mapped import changed
from headrace.pipeline.pixels import crop_resize
from headrace.pipeline.plan import EpochPlan
from headrace.pipeline.records import Records

_NOT_SHARED = ("unable to allocate shared memory", "unable to resize file")
"""What torch says where shared memory, or what the shell lets a file have, is full."""
_FEEDER_S = 5.0
"""How long a thread may take that has a last word to send."""


def open_backend(records: Records, config: LoaderConfig, chosen: np.ndarray) -> TorchvisionBackend:
    """Opens the backend on any kind of records."""
    return TorchvisionBackend(records, config)


class _Work(NamedTuple):
    """One batch of the plan and where its bytes are: all that travels to a worker."""

    samples: Storage
    modes: np.ndarray
    levels: np.ndarray
    sizes: np.ndarray
    boxes: np.ndarray
    flips: np.ndarray
    targets: np.ndarray | None
    shape: tuple[int, int]


class _Decoder(Dataset):
    """Turns one `_Work` into one batch; plan and tables stay in the parent process."""

    def __init__(self, upright: bool, decode: DecodeConfig) -> None:
        self.upright, self.decode = upright, decode

    def __getitem__(self, work: _Work) -> tuple[torch.Tensor, list[tuple[int, str]]]:
        batch = torch.zeros((len(work.boxes), *work.shape, 3), dtype=torch.uint8, device="cpu")
        if get_worker_info() is not None:
            # Here, where it is told if there is no room: a thread that sends the batch later would
            # show a traceback and drop it, and the parent would wait for it for ever.
            batch.share_memory_()
        images = batch.numpy()
        bad = []
        for slot, (mode, size) in enumerate(zip(work.modes, work.sizes.tolist(), strict=True)):
            target = None if work.targets is None else work.targets[slot]
            try:
                data = work.samples.view(slot)
                if self.decode.checks(int(mode)) and work.samples.is_damaged(slot):
                    raise ValueError(DAMAGED)
                image = decode_stored(data, mode, tuple(size), self.upright)
            except (ValueError, OSError) as error:
                bad.append((slot, level_words(int(work.levels[slot])) + str(error)))
                continue
            flip = bool(work.flips[slot])
            images[slot] = crop_resize(image, work.boxes[slot], flip, work.shape, target)
        return batch, bad


class _Works(Sampler):
    """The batches of whichever plan is being loaded."""

    def __init__(self, records: Records) -> None:
        self.records = records
        self.plan: EpochPlan | None = None
        self.start = 0

    def __iter__(self) -> Iterator[_Work]:
        assert self.plan is not None
        records = self.records
        for step in range(self.start, self.plan.num_batches):
            places = self.plan.batch_slice(step)
            indices = self.plan.indices[places]
            levels = self.plan.read_levels(places)
            yield _Work(
                records.storage.part(indices, levels),
                records.modes[indices],
                levels,
                records.sizes(indices, levels),
                self.plan.read_boxes(places),
                self.plan.flips[places],
                self.plan.targets_of(places),
                self.plan.shape,
            )


class TorchvisionBackend:
    """Decodes whole images; see pipeline.pixels for how."""

    def __init__(self, records: Records, config: LoaderConfig) -> None:
        self._records = records
        self._works = _Works(records)
        self._batches: DataLoader | None = DataLoader(
            _Decoder(records.upright, config.decode),
            batch_size=None,
            sampler=self._works,
            num_workers=config.num_workers,
            collate_fn=_as_it_is,
            persistent_workers=config.num_workers > 0,
            worker_init_fn=prepare_worker,
            multiprocessing_context=worker_context() if config.num_workers else None,
        )

    def stream(self, plan: EpochPlan, start: int) -> Generator[Decoded, None, None]:
        """Yields batches; left early, the workers finish what they hold and wait."""
        assert self._batches is not None
        self._works.plan, self._works.start = plan, start
        with self._explained(), torch.device("cpu"):  # where torch draws a seed for workers
            batches = iter(self._batches)
        while True:
            with self._explained():
                decoded = next(batches, None)
            if decoded is None:
                return
            images, bad = decoded
            yield Decoded(images.permute(0, 3, 1, 2), bad)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (RuntimeError, OSError, EOFError, MemoryError) as error:
            self._explain(error)
            raise

    def _explain(self, error: Exception) -> None:
        """Where a worker died, torch guesses at shared memory, or a socket says that nobody is
        there.

        Raises:
            RecordsError: naming a file that is not what it was, if there is one.
            FailedError: if it was killed, or had no memory left, of its own or to share.
        """
        storage = self._records.storage
        path = storage.changed_file() if isinstance(storage, MappedStorage) else None
        if path is not None:
            raise changed(path) from error
        full = isinstance(error, OSError) and error.errno == errno.ENOSPC  # of a semaphore
        if full or any(words in str(error) for words in _NOT_SHARED):
            raise FailedError(
                "shared memory (/dev/shm) has no room for the batches of the torchvision loader; "
                "take fewer --workers, a smaller --batch-size or --loader native, or give the "
                "container more (docker run --shm-size 2g)"
            ) from error
        killed = isinstance(error, ConnectionError | EOFError) or "worker (pid" in str(error)
        if killed or isinstance(error, MemoryError):
            what = "was killed, most often as memory ran out" if killed else "has no memory left"
            raise FailedError(
                f"a worker process of the torchvision loader {what}; take fewer --workers or a "
                "smaller --batch-size"
            ) from error

    def close(self) -> None:
        """Ends the worker processes, and waits for the threads that have fed them: in one that this
        process' end overtakes, Python loses sight of semaphores, and warns of them."""
        # Private to torch and to Python, which wait for no such thread; nor do we for one whose
        # worker was killed.
        queues = getattr(getattr(self._batches, "_iterator", None), "_index_queues", ())
        feeders = [(queue, getattr(queue, "_thread", None)) for queue in queues]
        self._batches = None
        for queue, thread in feeders:
            if thread is not None and getattr(queue, "_closed", False):
                thread.join(_FEEDER_S)


def _as_it_is(item: object) -> object:
    return item
