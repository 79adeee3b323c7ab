"""The loader that runs our plan inside FFCV's own Loader.

FFCV compiles the decoding of a batch with numba and runs it in a thread that keeps a few batches
ready; pipeline/loaders/ffcv_ops.py has what runs there. Here is what FFCV leaves open: an
iterator left early, an error inside its thread, its habit to change torch's number of threads.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty
from typing import TYPE_CHECKING

import numpy as np
import torch

from headrace.pipeline.backend import Decoded, LoaderConfig
from headrace.pipeline.buffers import BufferPool
from headrace.pipeline.containers.beton import MODE_JPEG, MODE_RAW
from headrace.pipeline.containers.storage import MappedStorage
from headrace.pipeline.errors import ConfigError, MissingPackageError
from headrace.pipeline.jpeg_scans import has_too_many_scans, is_large
from headrace.pipeline.loaders.reference import redecode
from headrace.pipeline.loaders.settings import pack_or_torchvision
from headrace.pipeline.plan import EpochPlan
from headrace.pipeline.records import Records

if TYPE_CHECKING:
    from headrace.pipeline.loaders.ffcv_ops import PlanIterator, PlanMemory

POLL_S = 0.5
_said: set[Path] = set()


def open_backend(records: Records, config: LoaderConfig, chosen: np.ndarray) -> FfcvBackend:
    """Opens the backend on a .beton file.

    Raises:
        ConfigError: for records of another kind, which FFCV cannot read.
        MissingPackageError: if ffcv or the libraries it is built on are not there.
    """
    if records.kind == "folder":
        raise ConfigError(
            f"the ffcv loader reads .beton files and {records.path} is a folder; "
            f"{pack_or_torchvision(records.path)}"
        )
    if records.kind != "beton":
        what = "several" if records.kind == "joined" else "shards"
        raise ConfigError(
            f"the ffcv loader reads one .beton file, and {records.source} are {what}; take "
            "--loader native"
        )
    with _threads_kept():  # importing ffcv sets torch's number of threads to one
        try:
            import ffcv  # noqa: F401
        except ImportError as error:
            raise MissingPackageError(
                f'the ffcv loader needs ffcv ({error}); pip install "headrace[ffcv]" after '
                "apt-get install libopencv-dev libturbojpeg0-dev pkg-config"
            ) from None
        if math.isfinite(config.plan.crop.least_sharpness(config.plan.train)):
            _say_without_levels(records)
        return FfcvBackend(records, config)


def _say_without_levels(records: Records) -> None:
    """Says, once for a file, that its smaller sizes are not read."""
    if records.levels.any() and records.path not in _said:
        _said.add(records.path)
        print(
            f"ffcv loader: FFCV knows nothing of the smaller sizes in {records.path} and decodes "
            "whole images; the other loaders read them"
        )


class FfcvBackend:
    """One FFCV Loader, compiled at its first batch and kept for every epoch."""

    def __init__(self, records: Records, config: LoaderConfig) -> None:
        from headrace.pipeline.loaders import ffcv_ops

        self._records = records
        self._config = config
        jpegs = records.modes == MODE_JPEG
        checks = config.decode.checks
        self._checked = np.where(jpegs, checks(MODE_JPEG), checks(MODE_RAW)) & records.has_checksums
        assert isinstance(records.storage, MappedStorage)
        sides = records.heights.astype(np.float64), records.widths
        self._large = jpegs & is_large(records.storage.sizes, *sides)
        self._memory: PlanMemory = ffcv_ops.PlanMemory(records, config)
        self._loader = ffcv_ops.make_loader(records, config, self._memory)
        self._iterator_type = ffcv_ops.PlanIterator
        self._buffers = BufferPool(
            config.rank_batch_size, config.largest_shape, pinned=config.device.type == "cuda"
        )

    def stream(self, plan: EpochPlan, start: int) -> Generator[Decoded, None, None]:
        """Yields batches; closing it stops FFCV's thread and waits for its end."""
        # FFCV is given places in the plan where it expects sample numbers. Its batches are all
        # of one size but the last, as the plan's are.
        places = np.arange(int(plan.bounds[start]), int(plan.bounds[-1]))
        with _threads_kept():
            self._memory.set_plan(plan)
            with torch.device("cpu"):  # whatever the caller's default is
                iterator = self._iterator_type(self._loader, places)
            try:
                for step in range(start, plan.num_batches):
                    images = self._kept(_next_batch(iterator), plan.shape).permute(0, 3, 1, 2)
                    yield Decoded(images, self._second_look(plan, plan.batch_slice(step), images))
            finally:
                _stop(iterator)

    def close(self) -> None:
        """Frees the decoders; FFCV keeps no thread between epochs."""
        self._memory.close()

    def _kept(self, images: np.ndarray, shape: tuple[int, int]) -> torch.Tensor:
        """A copy, because FFCV writes over its own memory when it goes on.

        Args:
            images: (B, H, W, 3) of the largest size, in which those of `shape` lie one behind
                another.
        """
        buffer = self._buffers.lend(len(images), shape)
        np.copyto(buffer, images.reshape(-1)[: buffer.size].reshape(buffer.shape))
        return torch.from_numpy(buffer)

    def _second_look(
        self, plan: EpochPlan, places: slice, images: torch.Tensor
    ) -> list[tuple[int, str]]:
        bad = []
        suspect = self._memory.suspect[places] > 0
        suspect |= list(map(self._is_suspect, plan.indices[places].tolist()))
        for slot in np.flatnonzero(suspect).tolist():
            reason = redecode(self._records, plan, places.start + slot, images, slot)
            if reason is not None:
                bad.append((slot, reason))
        return bad

    def _is_suspect(self, index: int) -> bool:
        """Whether a record is damaged, or has more scans than others decode; FFCV has by now."""
        records = self._records
        if self._checked[index] and records.is_damaged(index):
            return True
        return bool(self._large[index]) and has_too_many_scans(
            records.view(index), *records.size(index)
        )


def _next_batch(iterator: PlanIterator) -> np.ndarray:
    """(B, H, W, 3) uint8 in FFCV's memory, valid until the next call.

    Raises:
        RuntimeError: if FFCV's thread ended without this batch, instead of waiting for ever.
    """
    while True:
        try:
            item = iterator.output_queue.get(timeout=POLL_S)
            break
        except Empty:
            if not iterator.is_alive() and iterator.output_queue.empty():
                raise RuntimeError(
                    "FFCV's loading thread ended before the epoch did"
                ) from iterator.failure
    if item is None:
        raise RuntimeError("FFCV delivered fewer batches than planned")
    _, (images,) = item
    return images


def _stop(iterator: PlanIterator) -> None:
    """Ends the thread after the batch that it is at.

    FFCV's own `close` is heeded only while the queue is full; without more work, and with room in
    the queue for its last word, the thread ends in any case.
    """
    iterator.iter_ixes = iter(())
    iterator.close()
    while iterator.is_alive():
        try:
            iterator.output_queue.get(timeout=0.01)
        except Empty:
            continue
    iterator.join()


@contextmanager
def _threads_kept() -> Iterator[None]:
    """Gives torch and numba back the number of threads that FFCV sets for the whole process."""
    import numba

    torch_threads, numba_threads = torch.get_num_threads(), numba.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(torch_threads)
        numba.set_num_threads(numba_threads)
