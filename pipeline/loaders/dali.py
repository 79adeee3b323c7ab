"""The loader that decodes with NVIDIA DALI: on the GPU where the batches go there, else on the CPU.

DALI reads no files here: its source hands it views of the records' encoded bytes, with the plan's
boxes and flips, one batch at a time. An epoch left early, and a batch that DALI fails on, are put
right here; DALI's own readers and shuffling are not used.
"""

from __future__ import annotations

import ctypes
import sys
import warnings
from collections import deque
from collections.abc import Generator, Iterator
from typing import Any, NamedTuple

import numpy as np
import simplejpeg
import torch

from headrace.pipeline.backend import Decoded, LoaderConfig
from headrace.pipeline.buffers import BufferPool
from headrace.pipeline.containers.beton import MODE_OTHER, MODE_RAW
from headrace.pipeline.device import async_copy
from headrace.pipeline.errors import ConfigError, MissingPackageError
from headrace.pipeline.jpeg_header import jpeg_size, parse_jpeg_header
from headrace.pipeline.jpeg_scans import has_too_many_scans
from headrace.pipeline.loaders.dali_check import checked_way
from headrace.pipeline.loaders.dali_decoding import BOX, WAYS, Way, decode_boxes
from headrace.pipeline.loaders.reference import redecode
from headrace.pipeline.loaders.settings import pack_or_torchvision
from headrace.pipeline.plan import EpochPlan
from headrace.pipeline.records import Records

PREFETCH = 2
ONE_PIXEL = np.frombuffer(simplejpeg.encode_jpeg(np.zeros((1, 1, 3), np.uint8)), np.uint8)
FAILURES = (RuntimeError, ValueError, IndexError)
"""What a C++ exception in an operator arrives as."""


def open_backend(records: Records, config: LoaderConfig, chosen: np.ndarray) -> DaliBackend:
    """Opens the backend on records whose samples are JPEG or raw.

    Raises:
        ConfigError: if the split has samples of another format.
        MissingPackageError: if DALI is not installed.
    """
    modes = np.unique(records.modes[chosen])
    if MODE_OTHER in modes:
        raise ConfigError(
            f"the dali loader reads JPEG and raw samples, and {records.path} has other formats; "
            f"{pack_or_torchvision(records.path)}"
        )
    try:
        import nvidia.dali  # noqa: F401
    except ImportError as error:
        raise MissingPackageError(
            f'the dali loader needs DALI ({error}); on Linux x86-64: pip install "headrace[dali]"'
        ) from None
    return DaliBackend(records, config, [int(mode) for mode in modes], _way(config.device))


def _way(device: torch.device) -> Way:
    """How to decode here; on a GPU what has been found to work on it.

    Raises:
        ConfigError: if nothing has.
    """
    if device.type != "cuda":
        return WAYS[0]
    verdict = checked_way(device)
    if verdict.way is None:
        raise ConfigError(
            f"the dali loader cannot decode on this GPU: {verdict.reason}; take --loader native, "
            "or another version of nvImageCodec"
        )
    if verdict.reason:
        print(f"dali loader: decodes whole images on the GPU, as {verdict.reason}")
    return verdict.way


class DaliBackend:
    """One DALI pipeline for each way of storage in the split, JPEG and raw."""

    def __init__(self, records: Records, config: LoaderConfig, modes: list[int], way: Way) -> None:
        self._records = records
        self._config = config
        self._lanes = {mode: _Lane(records, config, mode, way) for mode in modes}

    def stream(self, plan: EpochPlan, start: int) -> Generator[Decoded, None, None]:
        """Yields batches; closing it empties DALI's queues and makes it ready for another."""
        try:
            for lane in self._lanes.values():
                lane.begin(plan, start)
            for step in range(start, plan.num_batches):
                yield self._batch(plan, step)
        finally:
            for lane in self._lanes.values():
                lane.end()
            _return_freed_memory()

    def close(self) -> None:
        """Ends DALI's threads and frees its memory."""
        for lane in self._lanes.values():
            lane.close()
        self._lanes = {}

    def _batch(self, plan: EpochPlan, step: int) -> Decoded:
        places = plan.batch_slice(step)
        modes = self._records.modes[plan.indices[places]]
        parts = [
            (np.flatnonzero(modes == mode), lane.take(step))
            for mode, lane in self._lanes.items()
            if mode in modes
        ]
        images = self._merged(parts, len(modes), plan.shape).permute(0, 3, 1, 2)
        bad: list[tuple[int, str]] = []
        for slots, part in parts:
            sound = len(bad)
            for slot in slots[part.suspect].tolist():
                reason = redecode(self._records, plan, places.start + slot, images, slot)
                if reason is not None:
                    bad.append((slot, reason))
            if part.images is None and len(bad) == sound:
                warnings.warn(
                    f"DALI failed on batch {step}, the reference decoder read it: {part.failure}",
                    stacklevel=2,
                )
        return Decoded(images, bad)

    def _merged(
        self, parts: list[tuple[np.ndarray, _Delivered]], count: int, shape: tuple[int, int]
    ) -> torch.Tensor:
        """(count, H, W, 3); black where DALI has failed."""
        if len(parts) == 1 and parts[0][1].images is not None:
            return parts[0][1].images
        device = self._config.device
        images = torch.zeros((count, *shape, 3), dtype=torch.uint8, device=device)
        for slots, part in parts:
            if part.images is not None:
                images[async_copy(torch.from_numpy(slots), device)] = part.images
        return images


class _Delivered(NamedTuple):
    """What a lane has for one batch.

    Attributes:
        images: (b, H, W, 3) uint8 on the target device, or None where DALI failed.
        suspect: (b,) bool, the samples to look at again.
        failure: what DALI said.
    """

    images: torch.Tensor | None
    suspect: np.ndarray
    failure: str


class _Source:
    """What DALI asks for its input: the samples of one mode, batch by batch.

    It is apart from `_Lane` so that the pipeline, which keeps it, does not keep itself alive.

    A JPEG that is damaged, or whose header is not what the tables say, never reaches DALI, which
    would decode another format, or gigabytes, without a question, and turn what is in a folder by
    its own reading of odd metadata; one pixel goes there instead.

    Attributes:
        suspect: batch number to (b,) bool, which samples those are, for the batches asked for.
    """

    def __init__(self, records: Records, mode: int, checks: bool) -> None:
        self._records = records
        self._mode = mode
        self._checks = checks
        self.suspect: dict[int, np.ndarray] = {}
        self._work: Iterator[tuple[Any, ...]] = iter(())
        # DALI reads the arrays themselves; the last ones are kept until it must be done with them.
        self._held: deque[tuple[Any, ...]] = deque(maxlen=PREFETCH + 3)

    def __call__(self) -> tuple[Any, ...]:
        work = next(self._work)  # StopIteration tells DALI that the epoch is over
        self._held.append(work)
        return work

    def start(self, plan: EpochPlan, step: int) -> None:
        self.suspect = {}
        self._work = self._batches(plan, step)

    def stop(self) -> None:
        self._work = iter(())

    def _batches(self, plan: EpochPlan, start: int) -> Iterator[tuple[Any, ...]]:
        records = self._records
        for step in range(start, plan.num_batches):
            places = plan.batch_slice(step)
            chosen = records.modes[plan.indices[places]] == self._mode
            if not chosen.any():
                continue
            indices = plan.indices[places][chosen]
            levels = plan.read_levels(places)[chosen]
            boxes = plan.read_boxes(places)[chosen]
            flips = plan.flips[places][chosen].astype(np.int32)
            targets = plan.targets_of(places)
            views = list(map(records.view, indices.tolist(), levels.tolist()))
            sides = [(h, w) for h, w in records.sizes(indices, levels).tolist()]
            suspect = np.zeros(len(views), bool)
            if self._checks:
                suspect[:] = list(map(records.is_damaged, indices.tolist(), levels.tolist()))
            if self._mode == MODE_RAW:
                views = [v.reshape(h, w, 3) for v, (h, w) in zip(views, sides, strict=True)]
            else:
                suspect |= [not self._trusted(*v) for v in zip(views, sides, strict=True)]
                for slot in np.flatnonzero(suspect).tolist():
                    views[slot], boxes[slot] = ONE_PIXEL, (0, 0, 1, 1)
            self.suspect[step] = suspect
            work = [views, boxes[:, :2].copy(), boxes[:, 2:].copy(), flips]
            if targets is not None:
                targets = targets[chosen]
                work += [-targets[:, :2], targets[:, 2:].astype(np.float32)]
            yield tuple(work)

    def _trusted(self, data: np.ndarray, size: tuple[int, int]) -> bool:
        """Whether DALI is going to see a JPEG of this height and width."""
        if has_too_many_scans(data, *size):
            return False
        if self._records.kind != "folder":
            return jpeg_size(data) == size
        header = parse_jpeg_header(data.data)
        if header is None or not header.is_orientation_plain:
            return False
        return header.upright_size == size


class _Lane:
    """One DALI pipeline and its source; `take` must be called for the steps it has samples in."""

    def __init__(self, records: Records, config: LoaderConfig, mode: int, way: Way) -> None:
        self._records = records
        self._config = config
        self._mode = mode
        self._way = way
        checks = config.decode.checks(mode) and records.has_checksums
        self._source = _Source(records, mode, checks)
        self._buffers = BufferPool(config.rank_batch_size, config.largest_shape, pinned=False)
        self._pipeline: Any = None
        self._shape = (0, 0)  # that the pipeline is built for
        self._plan: EpochPlan | None = None

    def begin(self, plan: EpochPlan, step: int) -> None:
        if self._pipeline is None or self._shape != plan.shape:
            self._pipeline = None  # its threads end before others begin
            self._pipeline = _build(
                self._records, self._config, self._mode, self._source, self._way, plan.shape
            )
            self._shape = plan.shape
        self._plan = plan
        self._source.start(plan, step)

    def take(self, step: int) -> _Delivered:
        """The lane's samples of batch `step`; where DALI fails, it is set up again behind it."""
        assert self._plan is not None
        indices = self._plan.indices[self._plan.batch_slice(step)]
        indices = indices[self._records.modes[indices] == self._mode]
        try:
            outputs = self._run()
        except FAILURES as error:
            self._pipeline = None  # DALI calls a pipeline that failed no longer valid
            self.begin(self._plan, step + 1)
            return _Delivered(None, np.ones(len(indices), bool), _last_words(error))
        images = self._kept(torch.from_dlpack(outputs[0].as_tensor()))
        return _Delivered(images, self._source.suspect.pop(step), "")

    def _kept(self, images: torch.Tensor) -> torch.Tensor:
        """A copy, which leaves DALI's memory to DALI."""
        if images.is_cuda:
            # On the stream that DALI has bound its output to, so both are in order without a wait.
            return images.clone()
        buffer = torch.from_numpy(self._buffers.lend(len(images), self._shape))
        return buffer.copy_(images)

    def end(self) -> None:
        """Takes out what DALI has prepared and nobody wants, or the next epoch would get it."""
        self._source.stop()
        if self._pipeline is None or sys.is_finalizing():  # DALI ends its pipelines at exit itself
            return
        try:
            while True:
                self._run()
        except StopIteration:
            self._pipeline.reset()
        except (*FAILURES, AttributeError):  # the last once DALI has ended its pipelines at exit
            self._pipeline = None

    def close(self) -> None:
        self._source.stop()
        self._pipeline = None

    def _run(self) -> Any:
        device = self._config.device
        if device.type == "cuda":
            return self._pipeline.run(torch.cuda.current_stream(device))
        return self._pipeline.run()


def _build(
    records: Records,
    config: LoaderConfig,
    mode: int,
    source: _Source,
    way: Way,
    out: tuple[int, int],
) -> Any:
    """A DALI pipeline: encoded or raw samples in, (b, H, W, 3) images out; `out` is H and W."""
    from nvidia.dali import Pipeline, fn, types

    gpu = config.device.type == "cuda"
    device_id = None
    if gpu:
        index = config.device.index
        device_id = torch.cuda.current_device() if index is None else index
    raw = mode == MODE_RAW
    upright = records.kind == "folder"  # its sizes are those of the upright image
    placed = config.plan.crop.places(config.plan.train)
    dtypes = [types.UINT8, types.INT32, types.INT32, types.INT32]
    ndim, layout = [3 if raw else 1, 1, 1, 0], ["HWC" if raw else None, None, None, None]
    if placed:
        dtypes += [types.INT32, types.FLOAT]
        ndim, layout = [*ndim, 1, 1], [*layout, None, None]
    pipeline = Pipeline(
        batch_size=config.rank_batch_size,
        num_threads=max(1, config.num_workers),
        device_id=device_id,
        prefetch_queue_depth=PREFETCH,
    )
    with pipeline:
        data, anchor, shape, flip, *target = fn.external_source(
            source,
            num_outputs=len(dtypes),
            batch=True,
            no_copy=True,
            dtype=dtypes,
            ndim=ndim,
            layout=layout,
        )
        if raw:
            images = fn.slice(data, anchor, shape, **BOX)
        else:
            images = decode_boxes(data, anchor, shape, way, gpu=gpu, upright=upright)
        if gpu and raw:
            images = images.gpu()
        size = target[1] if placed else out
        images = fn.resize(images, size=size, interp_type=types.INTERP_LINEAR, antialias=True)
        images = fn.flip(images, horizontal=flip, vertical=0)
        if placed:  # beyond its edge an image is padded with black
            images = fn.slice(
                images, target[0], out, out_of_bounds_policy="pad", fill_values=0, **BOX
            )
        pipeline.set_outputs(images)
    pipeline.build()
    return pipeline


def _return_freed_memory() -> None:
    """Hands free heap pages back to the system, where the C library can.

    DALI's buffers change in size with every batch; over a few epochs their remains in glibc's
    arenas came to 50 to 100 MB.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _last_words(error: Exception) -> str:
    """The cause in DALI's message, which stands between a traceback and advice."""
    _, _, cause = str(error).rpartition("encountered:")
    return next((line.strip() for line in cause.splitlines() if line.strip()), "no reason given")
