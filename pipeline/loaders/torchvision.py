"""The loader that is always there: torchvision decodes in the worker processes of a DataLoader."""

from __future__ import annotations

import signal
from collections.abc import Generator, Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from headrace.pipeline.backend import Decoded, LoaderConfig
from headrace.pipeline.bus_error import BUS_ERROR_ADVICE
from headrace.pipeline.containers.storage import MappedStorage
from headrace.pipeline.errors import BadSampleError, RecordsError
from headrace.pipeline.pixels import crop_resize
from headrace.pipeline.plan import EpochPlan
from headrace.pipeline.records import Records


def open_backend(records: Records, config: LoaderConfig, chosen: np.ndarray) -> TorchvisionBackend:
    """Opens the backend on any kind of records."""
    return TorchvisionBackend(records, config)


class _Work(NamedTuple):
    """One batch of the plan, as it travels to a worker."""

    indices: np.ndarray
    boxes: np.ndarray
    flips: np.ndarray
    targets: np.ndarray | None


class _Decoder(Dataset):
    """Turns one `_Work` into one batch; the plan stays in the parent process."""

    def __init__(self, records: Records, shape: tuple[int, int]) -> None:
        self.records = records
        self.shape = shape

    def __getitem__(self, work: _Work) -> tuple[torch.Tensor, list[tuple[int, str]]]:
        images = np.zeros((len(work.indices), *self.shape, 3), np.uint8)
        bad = []
        for slot, index in enumerate(work.indices.tolist()):
            target = None if work.targets is None else work.targets[slot]
            try:
                images[slot] = crop_resize(
                    self.records.decode(index),
                    work.boxes[slot],
                    bool(work.flips[slot]),
                    self.shape,
                    target,
                )
            except BadSampleError as error:
                bad.append((slot, error.reason))
        return torch.from_numpy(images), bad


class _Works(Sampler):
    """The batches of whichever plan is being loaded."""

    def __init__(self) -> None:
        self.plan: EpochPlan | None = None
        self.start = 0

    def __iter__(self) -> Iterator[_Work]:
        assert self.plan is not None
        for step in range(self.start, self.plan.num_batches):
            places = self.plan.batch_slice(step)
            yield _Work(
                self.plan.indices[places],
                self.plan.boxes[places],
                self.plan.flips[places],
                self.plan.targets_of(places),
            )


class TorchvisionBackend:
    """Decodes whole images; see pipeline.pixels for how."""

    def __init__(self, records: Records, config: LoaderConfig) -> None:
        self._records = records
        self._works = _Works()
        self._batches: DataLoader | None = DataLoader(
            _Decoder(records, config.shape),
            batch_size=None,
            sampler=self._works,
            num_workers=config.num_workers,
            collate_fn=_as_it_is,
            persistent_workers=config.num_workers > 0,
            worker_init_fn=_ignore_interrupt,
        )

    def stream(self, plan: EpochPlan, start: int) -> Generator[Decoded, None, None]:
        """Yields batches; left early, the workers finish what they hold and wait."""
        assert self._batches is not None
        self._works.plan, self._works.start = plan, start
        batches = iter(self._batches)
        while True:
            try:
                images, bad = next(batches)
            except StopIteration:
                return
            except (RuntimeError, OSError) as error:
                self._explain(error)
                raise
            yield Decoded(images.permute(0, 3, 1, 2), bad)

    def _explain(self, error: Exception) -> None:
        """Where a worker died of a file that was cut short, torch guesses at shared memory.

        Raises:
            RecordsError: naming that file, if there is one.
        """
        storage = self._records.storage
        path = storage.cut_short() if isinstance(storage, MappedStorage) else None
        if path is not None:
            raise RecordsError(
                f"{path} became shorter while it was being read ({BUS_ERROR_ADVICE})"
            ) from error

    def close(self) -> None:
        """Ends the worker processes."""
        self._batches = None


def _as_it_is(item: object) -> object:
    return item


def _ignore_interrupt(worker: int) -> None:
    """Leaves Ctrl-C to the parent, which ends the workers; else each prints a traceback."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
