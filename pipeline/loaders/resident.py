"""The loader for sets that fit in memory: decode the split once, keep it on the device.

Every image lies in the top left corner of its own square of R px, on a shelf of such squares for
each stored size that crops are read from (resident_shelves.py). Where memory allows R is the
longest side, so nothing is lost; else images are shrunk to R. A batch is a gather and a warp by the
plan's boxes for each shelf. On the CPU the warp is the native loader's kernel, reading the squares
in place.
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
from headrace.pipeline.device import async_copy
from headrace.pipeline.errors import BadSampleError
from headrace.pipeline.loaders.resident_shelves import Shelf, shrunk_shelf, whole_shelves
from headrace.pipeline.plan import EpochPlan
from headrace.pipeline.records import Records
from headrace.pipeline.resampling.boxes import resize_image, resize_stored
from headrace.pipeline.warp import crop_resize_batch

_ONE_PIXEL = (0, 0, 1, 1)
"""A box that lies in every square."""


def open_backend(records: Records, config: LoaderConfig, chosen: np.ndarray) -> ResidentBackend:
    """Decodes the split and keeps it.

    Raises:
        ConfigError: if it does not fit even at the loader's own size.
    """
    budget = memory_budget(config)
    shelves = whole_shelves(records, config, chosen)
    if sum(shelf.num_bytes for shelf in shelves) > budget:
        shelves = [shrunk_shelf(records, config, chosen, budget)]
    return ResidentBackend(records, config, shelves)


def full_size_bytes(records: Records, chosen: np.ndarray) -> int:
    """Memory that the chosen records, (n,) int64, take at their stored size."""
    if not len(chosen):
        return 0
    longest = int(max(records.heights[chosen].max(), records.widths[chosen].max()))
    return len(chosen) * 3 * longest**2


def kept_bytes(records: Records, config: LoaderConfig, chosen: np.ndarray) -> int:
    """Memory that they take where nothing has to be shrunk, in the sizes that crops are read
    from."""
    return sum(shelf.num_bytes for shelf in whole_shelves(records, config, chosen))


def memory_budget(config: LoaderConfig) -> int:
    """Bytes that the images may take."""
    return int(free_memory(config.device) * config.decode.resident_memory)


def free_memory(device: torch.device) -> int:
    """Bytes that could be allocated on the device now."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


class ResidentBackend:
    """See the module.

    Args:
        shelves: what is kept: shelf n is of level n; a single one is of whatever is asked for.
    """

    def __init__(self, records: Records, config: LoaderConfig, shelves: list[Shelf]) -> None:
        self._device = config.device
        self._shelves = shelves
        # Which square of a shelf holds a record; others have none.
        self._square_of = np.full((len(shelves), len(records)), -1)
        for row, shelf in zip(self._square_of, shelves, strict=True):
            row[shelf.indices] = np.arange(len(shelf.indices))
        # Where each shelf begins in memory, bytes.
        self._starts = np.cumsum([0, *(shelf.num_bytes for shelf in shelves)])
        self._sides = np.array([shelf.side for shelf in shelves])
        self._num_workers = max(1, config.num_workers)
        self._pool = BufferPool(config.rank_batch_size, config.largest_shape, pinned=False)
        self._workers = ThreadPoolExecutor(self._num_workers, "headrace-resident")
        self._reasons: dict[tuple[int, int], str] = {}
        self._memory = self._decode(records).to(config.device)

    def _decode(self, records: Records) -> torch.Tensor:
        """(bytes,) uint8 on the CPU, shelf by shelf; what is bad stays black and goes into
        `_reasons`, by shelf and record."""
        memory = torch.empty(int(self._starts[-1]), dtype=torch.uint8, device="cpu")
        rows = [self._squares(memory, number).numpy() for number in range(len(self._shelves))]

        def fill(work: tuple[int, int]) -> None:
            number, square = work
            shelf = self._shelves[number]
            index = int(shelf.indices[square])
            try:
                image = records.decode(index, int(shelf.levels[square]))
            except BadSampleError as error:
                rows[number][square] = 0
                self._reasons[number, index] = error.reason
                return
            height, width = shelf.sizes[square].tolist()
            rows[number][square, :height, :width] = resize_image(image, height, width)

        works = [(n, i) for n, shelf in enumerate(self._shelves) for i in range(len(shelf.indices))]
        sides = " and ".join(str(shelf.side) for shelf in self._shelves if len(shelf.indices))
        title = f"decoding images at {sides} px"
        with bar(total=len(works), desc=title, unit="img", leave=False) as progress:
            for _ in self._workers.map(fill, works):
                progress.update()
        return memory

    def _squares(self, memory: torch.Tensor, number: int) -> torch.Tensor:
        """(m, R, R, 3): the squares of a shelf."""
        side = self._shelves[number].side
        return memory[self._starts[number] : self._starts[number + 1]].view(-1, side, side, 3)

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
                yield Decoded(under_way.popleft()(), self._bad(plan, places))

    def close(self) -> None:
        """Frees the images."""
        self._workers.shutdown()
        self._memory = torch.empty(0)

    def _bad(self, plan: EpochPlan, places: slice) -> list[tuple[int, str]]:
        if not self._reasons:
            return []
        numbers, indices = self._shelf_numbers(plan, places), plan.indices[places]
        works = zip(numbers.tolist(), indices.tolist(), strict=True)
        return [(i, self._reasons[work]) for i, work in enumerate(works) if work in self._reasons]

    def _shelf_numbers(self, plan: EpochPlan, places: slice) -> np.ndarray:
        """(B,) int: the shelf that each crop is read from."""
        levels = plan.read_levels(places).astype(np.int64)
        return levels if len(self._shelves) > 1 else np.zeros_like(levels)

    def _where(self, plan: EpochPlan, places: slice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where each crop is: (B,) its shelf, (B,) its square there, (B, 4) int32 its box in it."""
        numbers = self._shelf_numbers(plan, places)
        squares = self._square_of[numbers, plan.indices[places]]
        assert (squares >= 0).all()
        boxes = self._boxes(plan, places, squares)
        for number in np.flatnonzero([shelf.refuted.any() for shelf in self._shelves]):
            mine = np.flatnonzero(numbers == number)
            boxes[mine[self._shelves[number].refuted[squares[mine]]]] = _ONE_PIXEL
        return numbers, squares, boxes

    def _boxes(self, plan: EpochPlan, places: slice, squares: np.ndarray) -> np.ndarray:
        """(B, 4) int32: the crops' boxes in what is kept of their images."""
        if len(self._shelves) > 1:
            return plan.read_boxes(places).copy()
        (shelf,) = self._shelves
        boxes, scales = plan.boxes[places], shelf.scales[squares, None]
        if (scales == 1).all():
            return boxes.copy()
        # Sizes are rounded: an image's last row may begin where the shrunk one has ended.
        corner = np.minimum(np.floor(boxes[:, :2] * scales), shelf.sizes[squares] - 1)
        far = np.maximum(np.rint((boxes[:, :2] + boxes[:, 2:]) * scales), corner + 1)
        return np.concatenate([corner, far - corner], 1).astype(np.int32)

    def _submit_on_cpu(self, plan: EpochPlan, places: slice) -> Callable[[], torch.Tensor]:
        numbers, squares, boxes = self._where(plan, places)
        flips, targets = plan.flips[places], plan.targets_of(places)
        out = self._pool.lend(len(squares), plan.shape)
        source = self._memory.numpy()
        widths = self._sides[numbers]
        ptrs = self._starts[numbers] + squares * (3 * widths**2)
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
        numbers, *where = self._where(plan, places)
        where.append(plan.flips[places])
        if (targets := plan.targets_of(places)) is not None:
            where.append(targets)
        used = np.unique(numbers).tolist()
        if len(used) == 1:
            images = self._cut_on_device(used[0], where, plan.shape)
            return lambda: images
        batch = torch.empty((len(numbers), *plan.shape, 3), dtype=torch.uint8, device=self._device)
        batch = batch.permute(0, 3, 1, 2)
        for number in used:
            slots = np.flatnonzero(numbers == number)
            (places_,) = self._moved([slots])
            batch[places_] = self._cut_on_device(
                number, [array[slots] for array in where], plan.shape
            )
        return lambda: batch

    def _cut_on_device(
        self, number: int, where: list[np.ndarray], shape: tuple[int, int]
    ) -> torch.Tensor:
        """(b, 3, H, W) crops of one shelf, by their squares, boxes, flips and perhaps targets."""
        gather, boxes, flips, *placed = self._moved(where)
        dtype = torch.float16 if self._device.type == "cuda" else torch.float32
        squares = self._squares(self._memory, number)[gather]
        return crop_resize_batch(squares, boxes, flips, shape, dtype, *placed)

    def _moved(self, arrays: list[np.ndarray]) -> list[torch.Tensor]:
        """Arrays as tensors on the device, without a wait."""
        return [async_copy(torch.from_numpy(array.copy()), self._device) for array in arrays]
