"""The loader for sets that fit in memory: decode the split once, keep it on the device.

Every image lies in the top left corner of its own square in one (N, R, R, 3) uint8 tensor. Where
memory allows R is the longest stored side, so nothing is lost; else images are shrunk to R. A
batch is one gather and one warp by the plan's boxes. On the CPU the warp is the native loader's
kernel, reading the squares in place.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psutil
import torch

from headrace.pipeline.backend import Decoded, LoaderConfig
from headrace.pipeline.bars import bar
from headrace.pipeline.buffers import BufferPool
from headrace.pipeline.errors import BadSampleError, ConfigError
from headrace.pipeline.plan import EpochPlan
from headrace.pipeline.records import Records
from headrace.pipeline.resampling.boxes import resize_image, resize_stored
from headrace.pipeline.warp import crop_resize_batch

SIDE_STEP_PX = 16


def open_backend(records: Records, config: LoaderConfig, chosen: np.ndarray) -> ResidentBackend:
    """Decodes the split and keeps it.

    Raises:
        ConfigError: if it does not fit even at the loader's own size.
    """
    return ResidentBackend(records, config, chosen, resident_side(records, config, chosen))


def full_size_bytes(records: Records, chosen: np.ndarray) -> int:
    """Memory that the chosen records, (n,) int64, take at their stored size."""
    return len(chosen) * 3 * _longest_side(records, chosen) ** 2


def memory_budget(config: LoaderConfig) -> int:
    """Bytes that the images may take."""
    return int(free_memory(config.device) * config.decode.resident_memory)


def resident_side(records: Records, config: LoaderConfig, chosen: np.ndarray) -> int:
    """R in px: the longest stored side, or the largest that fits in memory.

    Raises:
        ConfigError: if that would be below the loader's size, of a schedule the largest.
    """
    longest, budget = _longest_side(records, chosen), memory_budget(config)
    fits = int((budget / max(len(chosen), 1) / 3) ** 0.5)
    if fits >= longest:
        return longest
    side = fits - fits % SIDE_STEP_PX
    largest = max(max(shape) for shape in config.plan.shapes)
    wanted = min(largest, longest)
    if side < wanted:
        needed = len(chosen) * 3 * wanted**2
        raise ConfigError(
            f"the resident loader needs {needed / 2**30:.2f} GiB for {len(chosen)} images at "
            f"{largest} px and may take {budget / 2**30:.2f} GiB of {config.device} "
            "memory; allow more with resident_memory, or take another loader"
        )
    return side


def _longest_side(records: Records, chosen: np.ndarray) -> int:
    if not len(chosen):
        return 1
    return int(max(records.heights[chosen].max(), records.widths[chosen].max()))


def free_memory(device: torch.device) -> int:
    """Bytes that could be allocated on the device now."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


class ResidentBackend:
    """See the module."""

    def __init__(
        self, records: Records, config: LoaderConfig, chosen: np.ndarray, side: int
    ) -> None:
        self._side = side
        self._device = config.device
        self._chosen = chosen
        # Which square holds a record; others have none.
        self._square_of = np.full(len(records), -1)
        self._square_of[self._chosen] = np.arange(len(self._chosen))
        self._num_workers = max(1, config.num_workers)
        self._pool = BufferPool(config.rank_batch_size, config.largest_shape, pinned=False)
        self._workers = ThreadPoolExecutor(self._num_workers, "headrace-resident")
        self._scales = _scales(records, self._chosen, side)
        # (n, 2) int64 height and width of each image in its square.
        sizes = np.stack([records.heights[chosen], records.widths[chosen]], axis=1)
        self._sizes = np.maximum(1, np.rint(sizes * self._scales[:, None])).astype(np.int64)
        self._reasons: dict[int, str] = {}
        self._squares = self._decode(records).to(config.device)

    def _decode(self, records: Records) -> torch.Tensor:
        """(n, R, R, 3) uint8 on the CPU; what is bad stays black and goes into `_reasons`."""
        chosen, side = self._chosen.tolist(), self._side
        squares = torch.empty((len(chosen), side, side, 3), dtype=torch.uint8)
        rows = squares.numpy()

        def fill(place: int) -> None:
            index = chosen[place]
            try:
                image = records.decode(index)
            except BadSampleError as error:
                rows[place] = 0
                self._reasons[index] = error.reason
                return
            height, width = self._sizes[place].tolist()
            rows[place, :height, :width] = resize_image(image, height, width)

        title = f"decoding {len(chosen)} images at {side} px"
        with bar(total=len(chosen), desc=title, unit="img", leave=False) as progress:
            for _ in self._workers.map(fill, range(len(chosen))):
                progress.update()
        return squares

    def stream(self, plan: EpochPlan, start: int) -> Generator[Decoded, None, None]:
        """Yields batches; on the CPU the next one is made while this one is used.

        Left early, it waits for nothing: jobs under way hold the buffer that they write.
        """
        make = self._submit_on_cpu if self._device.type == "cpu" else self._submit_on_device
        under_way: deque[Callable[[], torch.Tensor]] = deque()
        starts: deque[int] = deque()
        for step in range(start, plan.num_batches + 1):
            if step < plan.num_batches:
                under_way.append(make(plan, plan.batch_slice(step)))
                starts.append(step)
            if len(under_way) > 1 or step == plan.num_batches:
                places = plan.batch_slice(starts.popleft())
                yield Decoded(under_way.popleft()(), self._bad(plan.indices[places]))

    def close(self) -> None:
        """Frees the images."""
        self._workers.shutdown()
        self._squares = torch.empty(0)

    def _bad(self, indices: np.ndarray) -> list[tuple[int, str]]:
        if not self._reasons:
            return []
        return [(i, self._reasons[n]) for i, n in enumerate(indices.tolist()) if n in self._reasons]

    def _boxes(self, plan: EpochPlan, places: slice, squares: np.ndarray) -> np.ndarray:
        """(B, 4) int32 the plan's boxes in pixels of the squares."""
        boxes = plan.boxes[places]
        scales = self._scales[squares, None]
        if (scales == 1).all():
            return boxes
        # Sizes are rounded: an image's last row may begin where the shrunk one has ended.
        corner = np.minimum(np.floor(boxes[:, :2] * scales), self._sizes[squares] - 1)
        far = np.maximum(np.rint((boxes[:, :2] + boxes[:, 2:]) * scales), corner + 1)
        return np.concatenate([corner, far - corner], 1).astype(np.int32)

    def _submit_on_cpu(self, plan: EpochPlan, places: slice) -> Callable[[], torch.Tensor]:
        squares = self._square_of[plan.indices[places]]
        boxes, flips = self._boxes(plan, places, squares), plan.flips[places]
        out = self._pool.lend(len(squares), plan.shape)
        source = self._squares.numpy().reshape(-1)
        ptrs = squares * (self._side * self._side * 3)
        widths = np.full(len(squares), self._side, np.int32)
        targets = plan.targets_of(places)
        cuts = np.linspace(0, len(squares), self._num_workers + 1).astype(int)
        parts = [
            self._workers.submit(
                resize_stored,
                source,
                ptrs[low:high],
                widths[low:high],
                boxes[low:high],
                flips[low:high],
                out[low:high],
                None if targets is None else targets[low:high],
            )
            for low, high in itertools.pairwise(cuts)
        ]

        def finish() -> torch.Tensor:
            for part in parts:
                part.result()
            return torch.from_numpy(out).permute(0, 3, 1, 2)

        return finish

    def _submit_on_device(self, plan: EpochPlan, places: slice) -> Callable[[], torch.Tensor]:
        squares = self._square_of[plan.indices[places]]
        boxes = self._boxes(plan, places, squares)
        targets = plan.targets_of(places)
        arrays = [squares, boxes, plan.flips[places], *([] if targets is None else [targets])]
        where = [torch.from_numpy(array.copy()) for array in arrays]
        if self._device.type == "cuda":
            where = [tensor.pin_memory() for tensor in where]
        gather, boxes, flips, *placed = (
            tensor.to(self._device, non_blocking=True) for tensor in where
        )
        dtype = torch.float16 if self._device.type == "cuda" else torch.float32
        images = crop_resize_batch(self._squares[gather], boxes, flips, plan.shape, dtype, *placed)
        return lambda: images


def _scales(records: Records, chosen: np.ndarray, side: int) -> np.ndarray:
    """(n,) float64: how much each image is shrunk so that it fits into its square."""
    longest = np.maximum(records.heights[chosen], records.widths[chosen])
    return np.minimum(1.0, side / longest)
