"""The fastest loader on a CPU: threads decode just the plan's boxes, straight into the batch.

Each thread owns an nvImageCodec decoder (sharing one crashes), which decodes a region of a JPEG
from a view of the memory map; pipeline/resampling resizes it into the batch's slot. Both run
without the GIL. A batch is cut into runs of samples, so that all threads finish it together and
the next batches are under way while the current one is being used. Raw samples skip the decoder:
one call resizes a whole run of them.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Generator

import numpy as np
import torch

from headrace.pipeline.backend import Decoded, LoaderConfig
from headrace.pipeline.buffers import BufferPool
from headrace.pipeline.containers.beton import MODE_JPEG, MODE_RAW
from headrace.pipeline.containers.checksums import DAMAGED
from headrace.pipeline.containers.storage import MappedStorage
from headrace.pipeline.errors import BadSampleError, ConfigError
from headrace.pipeline.installed import is_installed
from headrace.pipeline.jpeg_scans import has_too_many_scans
from headrace.pipeline.loaders.settings import pack_or_torchvision
from headrace.pipeline.plan import EpochPlan
from headrace.pipeline.records import Records
from headrace.pipeline.resampling.boxes import (
    TABLE_COLUMNS,
    box_row,
    resize_boxes,
    resize_stored,
)

BATCHES_AHEAD = 2
RUN_SAMPLES = 8
"""Samples that a thread takes at a time: small enough that threads finish a batch together."""

Box = list[int]
Decode = Callable[[list[int], list[int], list[Box]], list["np.ndarray | BadSampleError"]]
"""(record indices, levels, boxes in their pixels) -> of each the box's pixels, (h, w, 3) uint8, or
why there are none."""


def open_backend(records: Records, config: LoaderConfig, chosen: np.ndarray) -> NativeBackend:
    """Opens the backend on packed records.

    Raises:
        ConfigError: for a folder.
    """
    if records.kind == "folder":
        raise ConfigError(
            f"the native loader reads packed files and {records.path} is a folder; "
            f"{pack_or_torchvision(records.path)}"
        )
    if not is_installed("nvidia.nvimgcodec"):
        print(
            "native loader: nvImageCodec is not installed, so whole images are decoded by "
            "simplejpeg; pip install 'nvidia-nvimgcodec-cu12[all]' for the faster decoder"
        )
    return NativeBackend(records, config, chosen)


class _Batch:
    """A batch in the making.

    Attributes:
        images: (B, H, W, 3) uint8.
        bad: (slot, reason) of each sample that could not be decoded.
        error: what broke in a thread, if anything did.
    """

    def __init__(self, images: np.ndarray, num_runs: int) -> None:
        self.images = images
        self.bad: list[tuple[int, str]] = []
        self.error: BaseException | None = None
        self._left = num_runs
        self._lock = threading.Lock()
        self._done = threading.Event()

    def run_done(self) -> None:
        with self._lock:
            self._left -= 1
            if self._left == 0:
                self._done.set()

    def wait(self) -> Decoded:
        self._done.wait()
        if self.error is not None:
            raise self.error
        return Decoded(torch.from_numpy(self.images).permute(0, 3, 1, 2), sorted(self.bad))


class _Run:
    """A few neighbouring samples of a batch: the unit of work of a thread."""

    def __init__(self, epoch: _Epoch, batch: _Batch, slots: range, first_place: int) -> None:
        self.epoch = epoch
        self.batch = batch
        self.slots = slots
        self.places = slice(first_place + slots.start, first_place + slots.stop)


class _Epoch:
    """One pass over a plan; `left` tells threads to drop what is still queued."""

    def __init__(self, plan: EpochPlan) -> None:
        self.plan = plan
        self.left = False


class NativeBackend:
    """See the module. Threads start with the first epoch and live until `close`."""

    def __init__(self, records: Records, config: LoaderConfig, chosen: np.ndarray) -> None:
        self._records = records
        self._pool = BufferPool(
            config.rank_batch_size, config.largest_shape, pinned=config.device.type == "cuda"
        )
        self._num_threads = max(1, config.num_workers)
        self._checks_jpegs = config.decode.checks(MODE_JPEG) and records.has_checksums
        self._checks_raw = config.decode.checks(MODE_RAW) and records.has_checksums
        self._threads: list[threading.Thread] = []
        self._runs: queue.SimpleQueue[_Run | None] = queue.SimpleQueue()
        # The files, where all there is to do is to resize what lies in them.
        self._raw_files: list[np.ndarray] = []
        if (records.modes[chosen] == MODE_RAW).all():
            assert isinstance(records.storage, MappedStorage)  # no folder's: those hold files
            self._raw_files = list(records.storage.maps)
        # How far each lies in memory from the first, bytes.
        addresses = [file.ctypes.data for file in self._raw_files]
        self._raw_begins = np.array([a - addresses[0] for a in addresses], np.int64)

    def stream(self, plan: EpochPlan, start: int) -> Generator[Decoded, None, None]:
        """Yields batches, two ahead; left early, threads drop what they have not begun."""
        self._start_threads()
        epoch = _Epoch(plan)
        under_way: deque[_Batch] = deque()
        try:
            for step in range(start, plan.num_batches):
                under_way.append(self._submit(epoch, plan.batch_slice(step)))
                if len(under_way) > BATCHES_AHEAD:
                    yield under_way.popleft().wait()
            while under_way:
                yield under_way.popleft().wait()
        finally:
            epoch.left = True

    def close(self) -> None:
        """Ends the threads."""
        for _ in self._threads:
            self._runs.put(None)
        for thread in self._threads:
            if thread is not threading.current_thread():  # which may be collecting the loader
                thread.join()
        self._threads = []

    def _start_threads(self) -> None:
        while len(self._threads) < self._num_threads:
            thread = threading.Thread(target=self._work, name="headrace-native", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _submit(self, epoch: _Epoch, places: slice) -> _Batch:
        count = places.stop - places.start
        length = min(RUN_SAMPLES, -(-count // self._num_threads))
        slots = [range(i, min(i + length, count)) for i in range(0, count, length)]
        batch = _Batch(self._pool.lend(count, epoch.plan.shape), len(slots))
        for part in slots:
            self._runs.put(_Run(epoch, batch, part, places.start))
        return batch

    def _work(self) -> None:
        """A thread: takes runs until it is told to end."""
        decode: Decode | None = None
        for run in iter(self._runs.get, None):
            try:
                if not run.epoch.left and run.batch.error is None:
                    if self._raw_files:
                        run.batch.bad.extend(self._fill_raw(run))
                    else:
                        # Here, so that a decoder that cannot be had is told like any error.
                        decode = decode or _region_decoder(self._records, self._checks_jpegs)
                        run.batch.bad.extend(self._fill(run, decode))
            except BaseException as error:  # carried to the consumer, who would wait for ever
                run.batch.error = error
            run.batch.run_done()
            del run  # or an idle thread would keep the last batch's buffer

    def _fill(self, run: _Run, decode: Decode) -> list[tuple[int, str]]:
        """Decodes and resizes a run; returns what is bad."""
        plan, out = run.epoch.plan, run.batch.images
        indices = plan.indices[run.places].tolist()
        levels = plan.read_levels(run.places).tolist()
        boxes = plan.read_boxes(run.places).tolist()
        flips = plan.flips[run.places].tolist()
        targets = plan.targets_of(run.places)
        table, bad = [], []
        crops = decode(indices, levels, boxes)
        for number, (slot, crop, flip) in enumerate(zip(run.slots, crops, flips, strict=True)):
            image = out[slot]
            if isinstance(crop, BadSampleError):
                image[:] = 0
                bad.append((slot, crop.reason))
                continue
            if targets is not None:
                image[:] = 0
                y, x, height, width = targets[number].tolist()
                image = image[y : y + height, x : x + width]
            table.append(box_row(crop, flip, image))
        resize_boxes(np.array(table, np.int64).reshape(-1, TABLE_COLUMNS))
        return bad

    def _fill_raw(self, run: _Run) -> list[tuple[int, str]]:
        """Resizes a run; returns what is bad."""
        plan, records = run.epoch.plan, self._records
        storage = records.storage
        assert isinstance(storage, MappedStorage)
        indices = plan.indices[run.places]
        files = 0 if storage.files is None else storage.files[indices]
        resize_stored(
            self._raw_files[0],
            storage.ptrs[indices] + self._raw_begins[files],
            records.widths[indices],
            plan.boxes[run.places],
            plan.flips[run.places],
            run.batch.images[run.slots.start : run.slots.stop],
            plan.targets_of(run.places),
        )
        if not self._checks_raw:
            return []
        slots = zip(run.slots, indices.tolist(), strict=True)
        damaged = [slot for slot, index in slots if records.is_damaged(index)]
        run.batch.images[damaged] = 0
        return [(slot, DAMAGED) for slot in damaged]


def _region_decoder(records: Records, checks: bool) -> Decode:
    """A decoder of this thread's own; falls back to whole images where nvImageCodec can't.

    Args:
        checks: whether JPEGs' bytes are compared with their checksums.
    """

    def whole(index: int, level: int, box: Box) -> np.ndarray | BadSampleError:
        y, x, height, width = box
        try:
            return records.decode(index, level)[y : y + height, x : x + width]
        except BadSampleError as error:
            return error

    if not is_installed("nvidia.nvimgcodec"):
        return lambda indices, levels, boxes: list(map(whole, indices, levels, boxes))
    from nvidia import nvimgcodec

    decoder = nvimgcodec.Decoder(
        device_id=nvimgcodec.NVIMGCODEC_DEVICE_CPU_ONLY,
        max_num_cpu_threads=1,
        backends=[nvimgcodec.Backend(nvimgcodec.BackendKind.CPU_ONLY)],
    )
    modes = records.modes
    # A record has its orientation baked in, and what metadata it still has says nothing.
    params = nvimgcodec.DecodeParams(apply_exif_orientation=False)

    def region(index: int, level: int, box: Box) -> nvimgcodec.CodeStream | None:
        """The box as nvImageCodec takes it; None where the file is not what the tables say."""
        if modes[index] == MODE_RAW:
            return None
        try:
            data = records.view(index, level)
            stream = nvimgcodec.CodeStream(data)
            if (stream.height, stream.width) != records.size(index, level):
                return None
            if stream.codec_name != "jpeg":  # it knows many, other loaders do not
                return None
            if checks and records.is_damaged(index, level):
                return None
            if has_too_many_scans(data, stream.height, stream.width):
                return None
        except RuntimeError:
            return None
        y, x, height, width = box
        return stream.get_sub_code_stream(region=nvimgcodec.Region(y, x, y + height, x + width))

    def decode(
        indices: list[int], levels: list[int], boxes: list[Box]
    ) -> list[np.ndarray | BadSampleError]:
        regions = list(map(region, indices, levels, boxes))
        images = iter(decoder.decode([r for r in regions if r is not None], params=params))
        crops = [None if r is None else next(images) for r in regions]
        # Whether the reference decoder can read it after all decides whether it is bad.
        return [
            whole(index, level, box) if crop is None else np.asarray(crop)
            for index, level, box, crop in zip(indices, levels, boxes, crops, strict=True)
        ]

    return decode
