"""Decodes every sample of packed records, in parallel, and lists what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from headrace.pipeline.bars import bar
from headrace.pipeline.containers.beton import MODE_JPEG
from headrace.pipeline.containers.checksums import DAMAGED
from headrace.pipeline.errors import BadImageError
from headrace.pipeline.jpeg_header import jpeg_size, parse_jpeg_header
from headrace.pipeline.jpeg_scans import check_scans
from headrace.pipeline.pixels import check_size
from headrace.pipeline.records import Records
from headrace.pipeline.wording import one_line
from headrace.tools.packing.decode import check_jpeg, decode_image, mend_strictly
from headrace.tools.packing.verify_levels import level_problem

_TASK_SAMPLES = 32


def verify_records(records: Records, workers: int) -> list[tuple[int, str]]:
    """Checks each sample: its data have the checksum that they were packed with, decode without a
    warning, to the size that the tables say, and so do its levels, which are like it.

    Returns:
        (index, what is wrong) of every bad sample and table.
    """
    bad = [(-1, problem) for problem in _table_problems(records)]
    starts = range(0, len(records), _TASK_SAMPLES)
    with (
        ThreadPoolExecutor(workers) as pool,
        bar(total=len(records), unit="image", desc="verify") as progress,
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
    size = int(records.heights[index]), int(records.widths[index])
    try:
        data = records.view(index)
        if records.is_damaged(index):
            return DAMAGED
        if records.kind == "folder":  # as the packer would read it
            header = parse_jpeg_header(data.data)
            check_scans(data, *size)
            image = decode_image(data.tobytes(), header).pixels
            check_size((image.shape[0], image.shape[1]), size)
        elif records.modes[index] != MODE_JPEG:
            records.decode(index)
        else:
            check_size(jpeg_size(data), size)
            check_scans(data, *size)
            _check_data(data.tobytes())
            return level_problem(records, index)
    except (ValueError, OSError, BadImageError) as error:
        return one_line(error)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def _check_data(jpeg: bytes) -> None:
    """Passes over what libjpeg warns of beside the image data, as where it was packed unverified.

    Raises:
        BadImageError: the image data are damaged.
    """
    try:
        check_jpeg(jpeg)
    except BadImageError as error:
        try:
            mend_strictly(jpeg)
        except BadImageError:
            raise error from None  # what is wrong with the record, not with what was made of it


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
