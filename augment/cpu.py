"""The CPU path: only the steps and samples that a draw needs, in threads, same results.

On a CPU there is no sync to fear, so a sample that drew a brightness change pays for nothing else.
Threads take small ranges of samples and carry each range through all steps while it is in cache.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch

from headrace.augment.kernels import colour as kernels_colour
from headrace.augment.kernels import detail as kernels_detail
from headrace.augment.kernels import geometry as kernels_geometry
from headrace.augment.kernels import mix as kernels_finish
from headrace.augment.kornia_step import KorniaParams, KorniaStep
from headrace.augment.operations.erase import EraseParams, EraseStep
from headrace.augment.operations.mix import MixParams
from headrace.augment.ops import COLOUR_OPS, DETAIL_OPS, GEOMETRY_OPS, TONE_OPS, Draws, Op
from headrace.augment.outputs import OutputPool
from headrace.augment.passes import AugMix, AugMixParams, Jitter, JitterParams, Pass, WarpConfig
from headrace.augment.preprocess import Preprocess
from headrace.augment.torch_code.detail import gaussian
from headrace.augment.torch_code.geometry import matrices

# Work on one range of samples: (thread number, start, stop).
Job = Callable[[int, int, int], None]
_CHUNK = 8


class CpuRunner:
    """Carries out the steps of a program with the kernels; owns its buffers and threads."""

    def __init__(self, preprocess: Preprocess) -> None:
        self.preprocess = preprocess
        self._shape: tuple[int, ...] = ()
        self._pool: ThreadPoolExecutor | None = None
        self._num_threads = 0
        self._outputs = OutputPool()

    def run(
        self,
        images: torch.Tensor,
        steps: Sequence[tuple[Any, Any]],
        mix: MixParams | None,
        noise: torch.Tensor,
        host_generator: torch.Generator,
    ) -> torch.Tensor:
        """Runs steps, mix and normalisation.

        Args:
            images: (B, C, H, W) uint8 on the CPU; not changed.
            steps: each step with its parameters.
            mix: what to mix, or None.
            noise: (B, C, H, W) uint8 for fills with noise, or empty.
            host_generator: for Kornia steps.

        Returns:
            (B, C, H, W) float32, channels_last, normalised.
        """
        source = _rows(images)
        self._prepare(images)
        batch, channels, height, width = images.shape
        out = self._outputs.lend((batch, height, width, channels))
        target = out.view(batch, height, width * channels).numpy()
        jobs: list[Job] = []
        mirrored = np.zeros(batch, np.bool_)
        for step, params in steps:
            if isinstance(step, KorniaStep):
                source = self._kornia(source, jobs, step, params, host_generator)
                jobs = []
                continue
            if step is steps[-1][0] and mix is None and _is_row_flip(step):
                # The last step only mirrors rows: normalising can read them backwards.
                mirrored = (params.op == Op.HFLIP.value).sum(1).remainder(2).bool().numpy()
                continue
            jobs.append(self._job(step, params, source, noise))
            source = self._images
        scale, shift = self._scale_and_shift(width)
        if mix is None:

            def finish(_thread: int, start: int, stop: int) -> None:
                kernels_finish.run_normalise(
                    source, target, start, stop, mirrored, scale, shift, channels
                )

            self._spread([*jobs, finish], batch)
        else:
            self._spread(jobs, batch)
            self._spread([self._mix_job(mix, source, target, scale, shift)], batch)
        return out.permute(0, 3, 1, 2)

    def _prepare(self, images: torch.Tensor) -> None:
        """Buffers for this batch shape, and as many threads as torch has."""
        batch, channels, height, width = images.shape
        threads = torch.get_num_threads()
        if self._shape != (*images.shape, threads):
            self._shape = (*images.shape, threads)
            self._channels = channels
            self._images = np.empty((batch, height, width * channels), np.uint8)
            self._spare = np.empty((threads, height, width * channels), np.uint8)
            self._chains: tuple[np.ndarray, np.ndarray] | None = None
        if threads != self._num_threads:
            self.close()
            self._num_threads = threads
            if threads > 1:
                self._pool = ThreadPoolExecutor(threads - 1, thread_name_prefix="augment")

    def close(self) -> None:
        """Ends the threads; the next batch would start them again."""
        if self._pool is not None:
            self._pool.shutdown()
        self._pool, self._num_threads = None, 0

    def _spread(self, jobs: list[Job], batch: int) -> None:
        """Runs jobs over all samples: threads draw the next range until none is left."""
        if not jobs:
            return
        ranges = iter(range(0, batch, _CHUNK))

        def work(thread: int) -> None:
            # next() on one shared iterator is atomic under the GIL: no range is taken twice.
            for start in ranges:
                for job in jobs:
                    job(thread, start, min(start + _CHUNK, batch))

        others = []
        if self._pool is not None:
            count = min(self._num_threads, -(-batch // _CHUNK))
            others = [self._pool.submit(work, thread) for thread in range(1, count)]
        work(0)
        for other in others:
            other.result()

    def _job(self, step: Any, params: Any, source: np.ndarray, noise: torch.Tensor) -> Job:
        """The work of one step; it reads ``source`` and leaves the result in the buffer."""
        if isinstance(step, Pass):
            parts = _slots(params, step.source.slots) if step.in_drawn_order else [(params, None)]
            jobs = []
            for draws, slots in parts:
                jobs.append(
                    self._pass_job(
                        draws, slots or step.source.slots, step.warp, source, self._images
                    )
                )
                source = self._images
            return _in_sequence(jobs)
        if isinstance(step, Jitter):
            return self._jitter_job(params, source)
        if isinstance(step, AugMix):
            return self._augmix_job(step, params, source)
        assert isinstance(step, EraseStep)
        return self._erase_job(step, params, source, noise)

    def _pass_job(
        self,
        draws: Draws,
        slots: tuple[frozenset[Op], ...],
        config: WarpConfig,
        source: np.ndarray,
        target: np.ndarray,
    ) -> Job:
        channels, spare = self._channels, self._spare
        height, width = source.shape[1], source.shape[2] // channels
        matrix, moved = _moves(draws, slots, height, width)
        weights = _blur_weights(draws, slots, config)
        op, magnitude, vector = (field.contiguous().numpy() for field in draws)
        fill = _colour(config.fill, channels)
        bilinear = config.interpolation == "bilinear"
        possible = frozenset(itertools.chain(*slots))
        tone, coloured = bool(possible & set(TONE_OPS)), bool(possible & set(COLOUR_OPS))
        detailed = bool(possible & set(DETAIL_OPS))

        def job(thread: int, start: int, stop: int) -> None:
            own = spare[thread]
            kernels_geometry.run_geometry(
                source, target, own, start, stop, matrix, moved, bilinear, fill, channels
            )
            if tone:
                kernels_colour.run_tone(target, start, stop, op, magnitude, channels)
            if coloured and channels == 3:
                kernels_colour.run_colour(target, start, stop, op, magnitude, vector)
            if detailed:
                kernels_detail.run_detail(
                    target, own, start, stop, op, magnitude, weights, channels
                )

        return job

    def _jitter_job(self, params: JitterParams, source: np.ndarray) -> Job:
        order, amounts = params.order.numpy(), params.amounts.numpy()
        target, channels = self._images, self._channels

        def job(_thread: int, start: int, stop: int) -> None:
            kernels_colour.run_jitter(source, target, start, stop, order, amounts, channels)

        return job

    def _erase_job(
        self, step: EraseStep, params: EraseParams, source: np.ndarray, noise: torch.Tensor
    ) -> Job:
        target, channels = self._images, self._channels
        boxes = params.boxes.contiguous().numpy()
        fill = _colour(step.fill.colour, channels)
        noisy = step.fill.noise
        pixels = _rows(noise) if noisy else target[:1]

        def job(_thread: int, start: int, stop: int) -> None:
            if source is not target:
                target[start:stop] = source[start:stop]
            kernels_finish.run_erase(target, start, stop, boxes, fill, pixels, noisy, channels)

        return job

    def _augmix_job(self, step: AugMix, params: AugMixParams, source: np.ndarray) -> Job:
        if self._chains is None:
            self._chains = np.empty_like(self._images), np.empty(self._images.shape, np.float32)
        chain_images, total = self._chains
        target, weights = self._images, params.weights.numpy()
        chains: list[Job] = []
        for chain in params.chains:
            jobs, before = [], source
            for draws, slots in _slots(chain, step.chain.slots):
                jobs.append(self._pass_job(draws, slots, step.warp, before, chain_images))
                before = chain_images
            chains.append(_in_sequence(jobs))

        def job(thread: int, start: int, stop: int) -> None:
            kernels_finish.run_average(source, total, start, stop, weights, 0)
            for column, chain_job in enumerate(chains, 1):
                chain_job(thread, start, stop)
                kernels_finish.run_average(chain_images, total, start, stop, weights, column)
            kernels_finish.run_round_down(total, target, start, stop)

        return job

    def _mix_job(
        self,
        params: MixParams,
        source: np.ndarray,
        target: np.ndarray,
        scale: np.ndarray,
        shift: np.ndarray,
    ) -> Job:
        fields = [
            field.contiguous().numpy()
            for field in (params.kind, params.partners, params.weight, params.box, params.offset)
        ]
        channels, spare = self._channels, self._spare

        def job(thread: int, start: int, stop: int) -> None:
            kernels_finish.run_mix(
                source, target, spare[thread], start, stop, *fields, scale, shift, channels
            )

        return job

    def _kornia(
        self,
        source: np.ndarray,
        jobs: list[Job],
        step: KorniaStep,
        params: KorniaParams,
        generator: torch.Generator,
    ) -> np.ndarray:
        """Finishes the steps so far, then lets Kornia have the whole batch."""
        self._spread(jobs, len(source))
        batch, height, _ = source.shape
        rows = torch.from_numpy(source).view(batch, height, -1, self._channels)
        return _rows(step.apply(rows.permute(0, 3, 1, 2), params, generator))

    def _scale_and_shift(self, width: int) -> tuple[np.ndarray, np.ndarray]:
        scale, shift = self.preprocess.scale_and_shift()
        return (
            np.tile(np.asarray(scale, np.float32), width),
            np.tile(np.asarray(shift, np.float32), width),
        )


def _rows(images: torch.Tensor) -> np.ndarray:
    """(B, C, H, W) uint8 to (B, H, W·C), without a copy where it is channels_last."""
    batch, channels, height, width = images.shape
    return images.permute(0, 2, 3, 1).reshape(batch, height, width * channels).numpy()


def _is_row_flip(step: Any) -> bool:
    allowed = {Op.HFLIP, Op.IDENTITY}
    return isinstance(step, Pass) and all(slot <= allowed for slot in step.source.slots)


def _in_sequence(jobs: list[Job]) -> Job:
    def job(thread: int, start: int, stop: int) -> None:
        for part in jobs:
            part(thread, start, stop)

    return jobs[0] if len(jobs) == 1 else job


def _slots(
    draws: Draws, slots: tuple[frozenset[Op], ...]
) -> list[tuple[Draws, tuple[frozenset[Op], ...]]]:
    """A draw of several slots as one draw for each."""
    return [
        (Draws(*(field[:, slot : slot + 1] for field in draws)), (possible,))
        for slot, possible in enumerate(slots)
    ]


def _colour(fill: tuple[int, ...], channels: int) -> np.ndarray:
    return np.asarray(fill * channels if len(fill) == 1 else fill[:channels], np.uint8)


def _moves(
    draws: Draws, slots: tuple[frozenset[Op], ...], height: int, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """Matrices, and for each sample 0 nothing moves, 1 a warp, 2 mirrored rows, 3 columns."""
    batch = len(draws.op)
    possible = frozenset(itertools.chain(*slots))
    if not possible & set(GEOMETRY_OPS):
        return np.zeros((batch, 3, 3), np.float32), np.zeros(batch, np.int64)
    if possible <= {Op.HFLIP, Op.VFLIP, Op.IDENTITY} and len(slots) == 1:
        mirrored = draws.op[:, 0]
        moved = (mirrored == Op.HFLIP.value) * 2 + (mirrored == Op.VFLIP.value) * 3
        return np.zeros((batch, 3, 3), np.float32), moved.numpy()
    matrix = matrices(draws, slots, height, width).contiguous()
    plain = (matrix == torch.eye(3)).flatten(1).all(1)
    return matrix.numpy(), (~plain).long().numpy()


def _blur_weights(draws: Draws, slots: tuple[frozenset[Op], ...], config: WarpConfig) -> np.ndarray:
    """(B, S, K) float32."""
    batch, count = draws.op.shape
    weights = torch.zeros((batch, count, config.kernel_size))
    for slot, possible in enumerate(slots):
        if Op.BLUR in possible:
            chosen = draws.op[:, slot] == Op.BLUR.value
            sigma = torch.where(chosen, draws.magnitude[:, slot], 1.0)
            weights[:, slot] = gaussian(sigma, config.kernel_size)
    return weights.numpy()
