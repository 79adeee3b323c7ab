"""Decodes every sample of packed records, in parallel, and lists what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import simplejpeg
from tqdm import tqdm

from headrace.pipeline.containers.beton import MODE_JPEG
from headrace.pipeline.records import Records

_TASK_SAMPLES = 32


def verify_records(records: Records, workers: int) -> list[tuple[int, str]]:
    """Checks each sample: it decodes without a warning and has the size that the tables say.

    Returns:
        (index, what is wrong) of every bad sample and table.
    """
    bad = [(-1, problem) for problem in _table_problems(records)]
    starts = range(0, len(records), _TASK_SAMPLES)
    with (
        ThreadPoolExecutor(workers) as pool,
        tqdm(total=len(records), unit="image", desc="verify") as progress,
    ):
        for found in _ordered(pool, records, starts, 4 * workers):
            bad += found
            progress.update(min(_TASK_SAMPLES, len(records) - progress.n))
    return bad


def _ordered(
    pool: ThreadPoolExecutor, records: Records, starts: range, ahead: int
) -> Iterator[list[tuple[int, str]]]:
    for begin in range(0, len(starts), ahead):
        yield from pool.map(lambda start: _check_run(records, start), starts[begin : begin + ahead])


def _check_run(records: Records, start: int) -> list[tuple[int, str]]:
    found = []
    for index in range(start, min(start + _TASK_SAMPLES, len(records))):
        problem = _problem(records, index)
        if problem is not None:
            found.append((index, problem))
    return found


def _problem(records: Records, index: int) -> str | None:
    height, width = int(records.heights[index]), int(records.widths[index])
    data = records.view(index)
    try:
        if records.modes[index] != MODE_JPEG:
            image = records.decode(index)
            return None if image.shape == (height, width, 3) else f"has shape {image.shape}"
        found = simplejpeg.decode_jpeg_header(data)[:2]
        if found != (height, width):
            return f"is {found[1]}x{found[0]} px, the tables say {width}x{height}"
        # Strict, and reduced: every coefficient is read, see tools/packing/decode.py.
        simplejpeg.decode_jpeg(data, min_height=1, min_width=1, min_factor=8)
    except (ValueError, OSError) as error:
        return " ".join(str(error).split())
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def _table_problems(records: Records) -> list[str]:
    """Contradictions between labels, classes, splits and names."""
    problems = []
    highest = int(records.labels.max(initial=-1))
    num_classes = len(records.manifest.classes)
    if records.manifest.classes and highest >= num_classes:
        problems.append(f"label {highest} has no name: there are {num_classes} classes")
    if int(records.labels.min(initial=0)) < -1:
        problems.append(f"label {int(records.labels.min())} is below -1")
    covered = np.zeros(len(records), np.int64)
    for start, stop in records.splits.values():
        covered[start:stop] += 1
    if (covered > 1).any():
        problems.append(f"sample {int((covered > 1).argmax())} is in two splits")
    if len(records) and (covered == 0).any():
        problems.append(f"sample {int((covered == 0).argmax())} is in no split")
    return problems
