"""What runs inside FFCV: the plan as its memory, and the operation that decodes a batch.

Importing this needs ffcv. The plan's arrays, the mapped file and the scratch space travel in
FFCV's `storage_state`, which it passes to the compiled code with each batch; so an epoch's plan
needs no recompilation.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from unittest import mock

import ffcv._libffcv
import ffcv.loader.loader as ffcv_loader
import llvmlite.binding
import numba
import numpy as np
from ffcv.fields.rgb_image import SimpleRGBImageDecoder
from ffcv.loader.epoch_iterator import EpochIterator
from ffcv.memory_managers.base import MemoryContext
from ffcv.pipeline.allocation_query import AllocationQuery
from ffcv.pipeline.state import State
from numba import types

from headrace.pipeline.backend import LoaderConfig
from headrace.pipeline.containers import beton
from headrace.pipeline.containers.storage import MappedStorage
from headrace.pipeline.jit import compiled
from headrace.pipeline.plan import EpochPlan
from headrace.pipeline.records import Records
from headrace.pipeline.resampling.kernel import resize_box

MAX_SCRATCH_BYTES = 1 << 29
"""A larger image, or one whose tables claim to be, is left to the reference decoder."""

# FFCV's library is linked to libturbojpeg, whose own functions are thus at hand. Its `imdecode`
# has the fast, less exact DCT built in and tells no sizes; the accurate one costs about the same.
# Functions named for the linker, unlike ctypes', let numba keep the compiled code on disk.
_turbojpeg = ctypes.CDLL(ffcv._libffcv.__file__)
llvmlite.binding.load_library_permanently(ffcv._libffcv.__file__)
_open_decoder = _turbojpeg.tjInitDecompress
_open_decoder.argtypes, _open_decoder.restype = [], ctypes.c_void_p
_close_decoder = _turbojpeg.tjDestroy
_close_decoder.argtypes = [ctypes.c_void_p]
_read_header = types.ExternalFunction(
    "tjDecompressHeader3", types.int32(types.intp, types.intp, types.uint64, *4 * [types.intp])
)
_decompress = types.ExternalFunction(
    "tjDecompress2",
    types.int32(types.intp, types.intp, types.uint64, types.intp, *5 * [types.int32]),
)
_PIXELS_RGB = 0  # TJPF_RGB
_ACCURATE_DCT = 4096  # TJFLAG_ACCURATEDCT


class PlanMemory(MemoryContext):
    """Stands in for FFCV's memory manager and its context: no Python dictionaries per sample.

    Attributes:
        suspect: (n,) uint8 over the plan's places, 1 where the decoder failed or the size is not
            the announced one; written by FFCV's thread before it delivers the batch.
        num_lanes: parts that a batch is split into, each decoded by one thread at a time.
    """

    def __init__(self, records: Records, config: LoaderConfig) -> None:
        storage = records.storage
        assert isinstance(storage, MappedStorage)
        self.num_lanes = num_lanes(config)
        self.suspect = np.zeros(0, np.uint8)
        # tjInitDecompress returns a pointer; 0 would be an allocation that failed.
        self._decoders = np.array([_open_decoder() or 0 for _ in range(self.num_lanes)], np.int64)
        jpegs = records.modes == beton.MODE_JPEG
        pixels = np.where(jpegs, records.heights.astype(np.int64) * records.widths, 1)
        scratch_bytes = min(MAX_SCRATCH_BYTES, 3 * int(pixels.max(initial=1)))
        self._file: tuple[np.ndarray, ...] = (
            storage.maps[0],
            np.ascontiguousarray(storage.ptrs),
            np.ascontiguousarray(storage.sizes),
            records.modes,
            records.heights,
            records.widths,
            self._decoders,
            np.empty((self.num_lanes, scratch_bytes), np.uint8),
        )
        self._plan: tuple[np.ndarray, ...] = ()

    def set_plan(self, plan: EpochPlan) -> None:
        """Makes the next epoch carry out this plan."""
        self.suspect = np.zeros(len(plan.indices), np.uint8)
        # Numba compiles for one type of each; no row at all says that boxes fill their images.
        targets = np.zeros((0, 4), np.int32) if plan.targets is None else plan.targets
        shape = np.array(plan.shape, np.int64)
        self._plan = (plan.indices, plan.boxes, plan.flips, self.suspect, targets, shape)

    def close(self) -> None:
        for decoder in self._decoders[self._decoders != 0].tolist():
            _close_decoder(decoder)
        self._decoders[:] = 0
        self._file = ()

    # What FFCV's Loader asks of a manager ...
    def schedule_epoch(self, batches: object) -> PlanMemory:
        return self

    def compile_reader(self) -> None:
        """Nothing: the operation below finds a sample's bytes by itself."""

    # ... and its iterator of a context.
    @property
    def state(self) -> tuple[np.ndarray, ...]:
        return (*self._file, *self._plan)

    def __enter__(self) -> PlanMemory:
        return self

    def __exit__(self, *error: object) -> None:
        pass


class PlanIterator(EpochIterator):
    """FFCV's loading thread, which keeps the error that ended it.

    Attributes:
        failure: that error.
    """

    failure: BaseException | None = None

    def run(self) -> None:
        try:
            super().run()
        except BaseException as error:
            self.failure = error


class PlanDecoder(SimpleRGBImageDecoder):
    """Decodes the plan's samples, cuts their boxes, resizes and flips them.

    Args:
        shape: height and width of the largest images, px; the plan's own may be smaller.
        num_lanes: see PlanMemory.
    """

    def __init__(self, shape: tuple[int, int], num_lanes: int) -> None:
        super().__init__()
        self.shape = shape
        self.num_lanes = num_lanes

    def declare_state_and_memory(self, previous_state: State) -> tuple[State, AllocationQuery]:
        shape, dtype = (*self.shape, 3), np.dtype(np.uint8)
        state = replace(previous_state, jit_mode=True, shape=shape, dtype=dtype)
        return state, AllocationQuery(shape, dtype)

    def generate_code(self) -> Callable[..., np.ndarray]:
        num_lanes = self.num_lanes
        decode_batch = _in_threads if num_lanes > 1 else _in_one_thread

        def decode(batch_indices, destination, metadata, storage_state):  # type: ignore[no-untyped-def]
            decode_batch(batch_indices, destination, storage_state, num_lanes)
            return destination[: len(batch_indices)]

        return decode


@compiled()
def _decode_whole(
    decoder: int, stored: np.ndarray, height: int, width: int, pixels: np.ndarray
) -> bool:
    """Whether `stored` is a JPEG of this size that decoded without a complaint."""
    if decoder == 0 or height * width * 3 > len(pixels):
        return False
    source, target = np.int64(stored.ctypes.data), np.int64(pixels.ctypes.data)
    found = np.zeros(4, np.int32)  # width, height, subsampling, colour space
    at = np.int64(found.ctypes.data)
    if _read_header(decoder, source, len(stored), at, at + 4, at + 8, at + 12) != 0:
        return False
    if found[0] != width or found[1] != height:
        return False
    status = _decompress(
        decoder, source, len(stored), target, width, 0, height, _PIXELS_RGB, _ACCURATE_DCT
    )
    return bool(status == 0)


@compiled()
def _decode_lane(
    places: np.ndarray,
    destination: np.ndarray,
    state: tuple[np.ndarray, ...],
    lane: int,
    num_lanes: int,
) -> None:
    """Decodes every `num_lanes`th sample of a batch from `lane` on.

    Args:
        places: (b,) of the batch's samples in the plan.
        destination: (b, H, W, 3) uint8 of the largest images, written from its start: the plan's
            images lie one behind another, whatever their size.
        state: PlanMemory's.
    """
    data, ptrs, sizes, modes, heights, widths, decoders, scratch = state[:8]
    indices, boxes, flips, suspect, targets, shape = state[8:]
    row_stride = 3 * shape[1]
    image_stride = shape[0] * row_stride
    written = destination.reshape(-1)
    for slot in range(lane, len(places), num_lanes):
        place = places[slot]
        index = indices[place]
        height, width = np.int64(heights[index]), np.int64(widths[index])
        pixels = data[ptrs[index] : ptrs[index] + sizes[index]]
        if modes[index] == beton.MODE_JPEG:
            stored, pixels = pixels, scratch[lane]
            if not _decode_whole(decoders[lane], stored, height, width, pixels):
                suspect[place] = 1
                continue
        y, x, box_height, box_width = boxes[place]
        stride = 3 * width
        source = np.int64(pixels.ctypes.data) + y * stride + 3 * x
        out_height, out_width = shape[0], shape[1]
        out = np.int64(destination.ctypes.data) + slot * image_stride
        if len(targets) > 0:
            written[slot * image_stride : (slot + 1) * image_stride] = 0
            out += targets[place, 0] * row_stride + 3 * targets[place, 1]
            out_height, out_width = np.int64(targets[place, 2]), np.int64(targets[place, 3])
        flip = np.int64(flips[place])
        status = resize_box(
            source, stride, box_height, box_width, flip, out_height, out_width, out, row_stride
        )
        if status != 0:
            suspect[place] = 1


# Two functions, because numba's cache on disk tells functions apart by name and not by `parallel`.
@compiled()
def _in_one_thread(
    places: np.ndarray, destination: np.ndarray, state: tuple[np.ndarray, ...], num_lanes: int
) -> None:
    for lane in range(num_lanes):
        _decode_lane(places, destination, state, lane, num_lanes)


@compiled(parallel=True)
def _in_threads(
    places: np.ndarray, destination: np.ndarray, state: tuple[np.ndarray, ...], num_lanes: int
) -> None:
    for lane in numba.prange(num_lanes):
        _decode_lane(places, destination, state, lane, num_lanes)


def num_lanes(config: LoaderConfig) -> int:
    """Decoding threads: what numba was started with is the most that FFCV can use."""
    return max(1, min(config.num_workers, int(numba.config.NUMBA_NUM_THREADS)))


def make_loader(records: Records, config: LoaderConfig, memory: PlanMemory) -> ffcv_loader.Loader:
    """FFCV's Loader on our file, with our decoder and no label pipeline."""
    with records.path.open("rb") as file:
        file.seek(beton.HEADER.itemsize)
        fields = np.frombuffer(file.read(2 * beton.FIELD.itemsize), beton.FIELD)
    image, label = (name.decode("ascii") for name in fields["name"])
    with _memory_manager(memory):
        loader = ffcv_loader.Loader(
            str(records.path),
            batch_size=config.rank_batch_size,
            num_workers=memory.num_lanes,
            os_cache=True,
            drop_last=False,
            seed=0,
            pipelines={image: [PlanDecoder(config.largest_shape, memory.num_lanes)], label: None},
        )
    # FFCV allocates the buffers of its batches anew for each epoch, which makes the heap grow; one
    # epoch runs at a time, so they can be kept.
    loader.graph.allocate_memory = cache(loader.graph.allocate_memory)
    return loader


@contextmanager
def _memory_manager(memory: PlanMemory) -> Iterator[None]:
    """Makes FFCV's Loader take our memory manager; its constructor has no argument for one.

    Its own one costs a set and a dictionary per sample (2.7 s and 590 MB for 1.28 million), and
    the reader it compiles prints KeyErrors when an older loader's is collected.
    """
    with mock.patch.object(ffcv_loader, "OSCacheManager", lambda reader: memory):
        yield
