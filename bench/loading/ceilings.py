"""What this machine can do at most: decode only, resize only, copy only, on the loaders' own plan.

Each runs on all worker threads over the same records and boxes, hands nothing on and keeps
nothing. `ceiling_share` of a loader is its speed over `ceiling_of` these.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import simplejpeg
import torch
from torch.nn.functional import interpolate

from headrace.bench.loading.loader_under_test import Job, Source
from headrace.pipeline.crops.settings import CropConfig
from headrace.pipeline.errors import ConfigError, MissingPackageError
from headrace.pipeline.plan import EpochPlan, PlanConfig, make_plan
from headrace.pipeline.records import Records

RUN = 32  # samples that a thread takes at a time
JPEG_CEILINGS = (
    "ceiling:decode-roi",
    "ceiling:decode-full",
    "ceiling:decode-full-simplejpeg",
    "ceiling:resize",
    "ceiling:copy",
)
RAW_CEILINGS = ("ceiling:resize", "ceiling:copy")
_DECODES = frozenset(JPEG_CEILINGS[:3])
_Work = Callable[[int, int, np.ndarray], None]
"""What a thread does with a sample: its record index, which of its stored sizes is read, and the
box (4,) y, x, height, width in pixels of that."""


def ceiling_of(speeds: Mapping[str, float]) -> tuple[str, float] | None:
    """The ceiling that loaders are held against, of those measured, and its images/s.

    JPEG: the fastest way that was found to get the box's pixels decoded, be it by region or
    whole. Raw: the copy of the box's pixels, which any loader has to read at least. (Resizing
    alone is no limit there: it is torch's kernel, and a better one passes it.)
    """
    decodes = {name: speed for name, speed in speeds.items() if name in _DECODES}
    chosen = decodes or {n: s for n, s in speeds.items() if n == "ceiling:copy"}
    if not chosen:
        return None
    name = max(chosen, key=lambda name: chosen[name])
    return name, chosen[name]


def open_ceiling(job: Job) -> Source:
    """A ceiling as a source; its one `batch` is the epoch.

    Raises:
        MissingPackageError: if the decoder is not installed.
        ConfigError: for records that have nothing to decode.
    """
    records = Records.open(job.path)
    decodes = job.name in _DECODES
    if decodes and records.modes.any():
        raise ConfigError(f"{job.name} decodes JPEGs and {records.path.name} holds raw images")
    return CeilingSource(job, records)


class CeilingSource:
    """Threads that carry out part of the work of a loader."""

    def __init__(self, job: Job, records: Records) -> None:
        self._job, self._records = job, records
        torch.set_num_threads(1)  # the threads are ours
        self._config = PlanConfig(
            batch_size=job.batch_size,
            seed=job.seed,
            crop=CropConfig(size=job.size, geometry="crop", crop_scale=job.crop_scale),
        )
        # One worker, and so one decoder, per thread; kept, so that only the first epoch makes it.
        self._works = [_worker(job, records) for _ in range(max(1, job.workers))]

    def epoch(self, number: int) -> Iterator[int]:
        records = self._records
        span = records.split(self._job.split)
        sides = records.heights, records.widths
        plan = make_plan(*sides, span, self._config, number, stored=records.levels)
        tasks = _Tasks(plan)
        threads = [threading.Thread(target=tasks.drain, args=(work,)) for work in self._works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if tasks.failures:
            raise tasks.failures[0]
        yield len(plan.indices)

    def close(self) -> None:
        self._works.clear()
        self._records.close()


class _Tasks:
    """A plan dealt out to threads in runs of samples."""

    def __init__(self, plan: EpochPlan) -> None:
        self.failures: list[Exception] = []
        self._plan = plan
        self._starts = iter(range(0, len(plan.indices), RUN))
        self._lock = threading.Lock()

    def drain(self, work: _Work) -> None:
        """What each thread does until nothing is left."""
        everything = slice(None)
        indices = self._plan.indices.tolist()
        levels = self._plan.read_levels(everything).tolist()
        boxes = self._plan.read_boxes(everything)
        try:
            while True:
                with self._lock:
                    start = next(self._starts, None)
                if start is None:
                    return
                for place in range(start, min(start + RUN, len(indices))):
                    work(indices[place], levels[place], boxes[place])
        except Exception as error:  # reported by the thread that waits
            self.failures.append(error)


def _worker(job: Job, records: Records) -> _Work:
    kinds: dict[str, Callable[[Job, Records], _Work]] = {
        "ceiling:decode-roi": _roi_decoder,
        "ceiling:decode-full": _full_decoder,
        "ceiling:decode-full-simplejpeg": _simplejpeg_decoder,
        "ceiling:resize": _resizer,
        "ceiling:copy": _copier,
    }
    return kinds[job.name](job, records)


def _roi_decoder(job: Job, records: Records) -> _Work:
    library, decoder = _nvimgcodec()

    def work(index: int, level: int, box: np.ndarray) -> None:
        y, x, height, width = box.tolist()
        stream = library.CodeStream(records.view(index, level))
        region = library.Region(y, x, y + height, x + width)
        decoder.decode(stream.get_sub_code_stream(region=region))

    return work


def _full_decoder(job: Job, records: Records) -> _Work:
    library, decoder = _nvimgcodec()
    return lambda index, level, box: decoder.decode(library.CodeStream(records.view(index, level)))


def _simplejpeg_decoder(job: Job, records: Records) -> _Work:
    return lambda index, level, box: simplejpeg.decode_jpeg(records.view(index, level))


def _resizer(job: Job, records: Records) -> _Work:
    """Antialiased resize of boxes: of the stored pixels if raw, else of a picture in memory."""
    pixels = _pixels(records)
    with warnings.catch_warnings():  # torch warns once of memory that it must not write to
        warnings.simplefilter("ignore")
        torch.from_numpy(pixels(0))

    def work(index: int, level: int, box: np.ndarray) -> None:
        y, x, height, width = box.tolist()
        crop = pixels(index)[y : y + height, x : x + width]
        view = torch.from_numpy(crop)[None].permute(0, 3, 1, 2)
        interpolate(view, (job.size, job.size), mode="bilinear", antialias=True)

    return work


def _copier(job: Job, records: Records) -> _Work:
    """Copies the boxes' pixels, row by row, to a buffer that is used again."""
    pixels = _pixels(records)
    side = int(max(records.heights.max(), records.widths.max()))
    buffer = np.empty(side * side * 3, np.uint8)

    def work(index: int, level: int, box: np.ndarray) -> None:
        y, x, height, width = box.tolist()
        out = buffer[: height * width * 3].reshape(height, width, 3)
        np.copyto(out, pixels(index)[y : y + height, x : x + width])

    return work


def _pixels(records: Records) -> Callable[[int], np.ndarray]:
    if records.modes.all():
        heights, widths = records.heights, records.widths
        return lambda index: np.require(
            records.view(index).reshape(int(heights[index]), int(widths[index]), 3)
        )
    shape = int(records.heights.max()), int(records.widths.max()), 3
    canvas = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    return lambda index: canvas


def _nvimgcodec() -> tuple[Any, Any]:
    """The library and a decoder of one thread's own: sharing one crashes."""
    try:
        from nvidia import nvimgcodec
    except ImportError as error:
        reason = f"nvImageCodec cannot be imported ({error}): install nvidia-nvimgcodec-cu12"
        raise MissingPackageError(reason) from None
    return nvimgcodec, nvimgcodec.Decoder(
        device_id=nvimgcodec.NVIMGCODEC_DEVICE_CPU_ONLY,
        max_num_cpu_threads=1,
        backends=[nvimgcodec.Backend(nvimgcodec.BackendKind.CPU_ONLY)],
    )
