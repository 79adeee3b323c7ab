"""The CPU path: only the steps and samples that a draw needs, in threads, same results.

On a CPU there is no sync to fear, so a sample that drew a brightness change pays for nothing else.
Threads take small ranges of samples and carry each range through all steps while it is in cache.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch

from headrace.augment.buffers import Buffers, Job, rows
from headrace.augment.kernels.normalise import run_normalise
from headrace.augment.operations.mix import Mix
from headrace.augment.outputs import OutputPool
from headrace.augment.preprocess import Preprocess
from headrace.augment.protocol import Noise, Step

_CHUNK = 8


class CpuRunner:
    """Carries out the steps of a program with the kernels; owns its buffers and threads.

    Threads that call it take turns, and a forked process has threads of its own.
    """

    def __init__(self, preprocess: Preprocess) -> None:
        self.preprocess = preprocess
        self._shape: tuple[int, ...] = ()
        self._buffers: Buffers | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._num_threads = 0
        self._outputs = OutputPool()
        self._turn = threading.Lock()
        self._process = os.getpid()

    def run(
        self,
        images: torch.Tensor,
        steps: Sequence[tuple[Step, Any]],
        mix: tuple[Mix, Any] | None,
        noise: Noise,
    ) -> torch.Tensor:
        """Runs steps, mix and normalisation.

        Args:
            images: (B, C, H, W) uint8 on the CPU; not changed.
            steps: each step with its parameters.
            mix: the mix with its parameters, or None.
            noise: random pixels, and the generator of steps that draw on the host.

        Returns:
            (B, C, H, W) float32, channels_last, normalised.
        """
        with self._own_turn():
            source = rows(images)
            buffers = self._prepare(images)
            batch, channels, height, width = images.shape
            out = self._outputs.lend((batch, height, width, channels))
            target = out.view(batch, height, width * channels).numpy()
            jobs: list[Job] = []
            mirrored = np.zeros(batch, np.bool_)
            for step, params in steps:
                if step.draws_on_host:
                    self._on_threads(jobs, batch)
                    jobs = []
                    whole = torch.from_numpy(source).view(batch, height, width, channels)
                    source = rows(step.apply(whole.permute(0, 3, 1, 2), params, noise))
                    continue
                if step is steps[-1][0] and mix is None:
                    # A last step that only mirrors rows: normalising can read them backwards.
                    flips = step.mirrored_rows(params)
                    if flips is not None:
                        mirrored = flips
                        continue
                jobs.append(step.cpu_job(params, source, buffers, noise.pixels))
                source = buffers.images
            scale, shift = self.preprocess.of_row(width)
            if mix is None:

                def finish(_thread: int, start: int, stop: int) -> None:
                    run_normalise(source, target, start, stop, mirrored, scale, shift, channels)

                self._on_threads([*jobs, finish], batch)
            else:
                self._on_threads(jobs, batch)
                how, drawn = mix
                self._on_threads([how.cpu_job(drawn, source, target, buffers, scale, shift)], batch)
            return out.permute(0, 3, 1, 2)

    def _own_turn(self) -> threading.Lock:
        """What a thread holds while it uses the buffers."""
        if self._process != os.getpid():
            # Threads are not copied by a fork, and whoever had the turn is not here to end it.
            self._process, self._turn = os.getpid(), threading.Lock()
            self._pool, self._num_threads = None, 0
        return self._turn

    def _prepare(self, images: torch.Tensor) -> Buffers:
        """Buffers for this batch shape, and as many threads as torch has."""
        threads = torch.get_num_threads()
        if self._buffers is None or self._shape != (*images.shape, threads):
            self._shape = (*images.shape, threads)
            self._buffers = Buffers(tuple(images.shape), threads)
        if threads != self._num_threads:
            self.close()
            self._num_threads = threads
            if threads > 1:
                self._pool = ThreadPoolExecutor(threads - 1, thread_name_prefix="augment")
        return self._buffers

    def close(self) -> None:
        """Ends the threads; the next batch would start them again."""
        if self._pool is not None:
            self._pool.shutdown()
        self._pool, self._num_threads = None, 0

    def _on_threads(self, jobs: list[Job], batch: int) -> None:
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
