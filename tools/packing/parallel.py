"""Reads and encodes files on several threads and hands the results back in order."""

from __future__ import annotations

import hashlib
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice

import numpy as np

from headrace.pipeline.errors import BadImageError
from headrace.tools.packing.encode import EncodeConfig, Encoded, encode_sample

# A task is a run of files: short enough to keep memory small, long enough to make the hand-over
# between threads cheap.
TASK_FILES = 8
TASKS_AHEAD = 3
DIGEST_BYTES = 16


@dataclass(frozen=True, kw_only=True)
class Job:
    """A file to make a sample of."""

    path: str
    want_moments: bool


@dataclass(frozen=True, kw_only=True)
class Made:
    """What has become of a file.

    Attributes:
        sample: ready to be written.
        digest: DIGEST_BYTES that tell the file's bytes from any other's.
    """

    sample: Encoded
    digest: bytes


Outcome = Made | BadImageError


def encode_files(
    jobs: Sequence[Job], config: EncodeConfig, workers: int, *, holds_raw: bool = True
) -> Iterator[Outcome]:
    """Encodes every job, in order, at most a few tasks per worker ahead of the consumer.

    `holds_raw` as of `encode_sample`.

    Threads, since everything that takes long (reading, libjpeg, resizing) lets go of the
    interpreter lock; processes would have to send each image back through a pipe.
    Closing the iterator waits for the tasks that have begun and drops the others.
    """
    # Here, once: filters are the whole process', and threads would put back each other's.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")  # broken EXIF and the like: pixels count
        yield from _encode_all(jobs, partial(_encode_task, config, holds_raw), workers)


def _encode_all(
    jobs: Sequence[Job], encode: Callable[[Sequence[Job]], list[Outcome]], workers: int
) -> Iterator[Outcome]:
    tasks = (jobs[i : i + TASK_FILES] for i in range(0, len(jobs), TASK_FILES))
    if workers <= 1:
        for task in tasks:
            yield from encode(task)
        return
    pool = ThreadPoolExecutor(workers, thread_name_prefix="pack")
    pending: deque[Future[list[Outcome]]] = deque()
    try:
        for task in islice(tasks, workers * TASKS_AHEAD):
            pending.append(pool.submit(encode, task))
        while pending:
            done = pending.popleft().result()
            for task in islice(tasks, 1):
                pending.append(pool.submit(encode, task))
            yield from done
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _encode_task(config: EncodeConfig, holds_raw: bool, task: Sequence[Job]) -> list[Outcome]:
    """Outcomes in the order of the task. Running out of memory is no fault of the image."""
    outcomes: list[Outcome] = []
    for job in task:
        try:
            with open(job.path, "rb", buffering=0) as file:  # noqa: PTH123 (read_bytes is slower)
                data = file.readall()
        except OSError as error:
            outcomes.append(BadImageError(error.strerror or str(error)))
            continue
        try:
            sample = encode_sample(data, config, job.want_moments, holds_raw)
            digest = hashlib.blake2b(data, digest_size=DIGEST_BYTES).digest()
            outcomes.append(Made(sample=sample, digest=digest))
        except BadImageError as error:
            outcomes.append(error)
        except MemoryError:
            raise
        except Exception as error:  # a decoder stumbles over one file: the others go on
            outcomes.append(BadImageError(f"{type(error).__name__}: {error}"))
    return outcomes


def moment_choice(span: tuple[int, int], count: int, limit: int) -> np.ndarray:
    """Which of `count` samples to measure: at most `limit` of `span`, evenly spread. (count,)
    bool."""
    chosen = np.zeros(count, bool)
    start, stop = span
    step = max(1, -(-(stop - start) // limit))
    chosen[start:stop:step] = True
    return chosen
