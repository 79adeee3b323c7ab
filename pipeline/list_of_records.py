"""A file that lists records, by number or by name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from headrace.pipeline.errors import RecordsError
from headrace.pipeline.number_file import is_npy, read_npy
from headrace.pipeline.wording import reason_of

MAX_DIGITS = 18
"""A longer number is no record's, and might not fit into int64."""


def read_list(path: Path, num_records: int, names: Sequence[str]) -> np.ndarray:
    """The records that a file lists.

    Args:
        path: .npy with whole numbers, or text with one number or one name a line; empty lines and
            those that begin with # do not count.
        num_records: N.
        names: (N,) file names as they were packed, or none.

    Returns:
        (n,) int64 record indices, in the file's order.

    Raises:
        RecordsError: if it cannot be read, or names what is not there, or is there twice.
    """
    try:
        numbers = read_npy(path) if is_npy(path) else None
        text = path.read_text("utf-8-sig", errors="surrogateescape") if numbers is None else ""
    except (OSError, ValueError, EOFError) as error:
        raise RecordsError(
            f"no split '@{path}': that list cannot be read ({reason_of(error)}); name a .npy file "
            "of numbers, or a text file with one number or name a line"
        ) from None
    if numbers is not None:
        return _checked(path, numbers, num_records)
    wanted = [line.strip() for line in text.splitlines()]
    wanted = [line for line in wanted if line and not line.startswith("#")]
    if all(line.isdecimal() for line in wanted):
        for line in wanted:
            if len(line) > MAX_DIGITS:
                raise _no_record(f"{line[:MAX_DIGITS]}...", path, num_records)
        return _checked(path, np.array([int(line) for line in wanted], np.int64), num_records)
    return np.array(_by_name(path, wanted, names), np.int64)


def _checked(path: Path, numbers: np.ndarray, num_records: int) -> np.ndarray:
    if numbers.ndim != 1 or (numbers.size and not np.issubdtype(numbers.dtype, np.integer)):
        raise RecordsError(
            f"no split '@{path}': the list has shape {numbers.shape} and type {numbers.dtype}, "
            "expected whole numbers in one row"
        )
    wrong = numbers[(numbers < 0) | (numbers >= num_records)]
    if len(wrong):
        raise _no_record(str(wrong[0]), path, num_records)
    return numbers.astype(np.int64)


def _no_record(number: str, path: Path, num_records: int) -> RecordsError:
    return RecordsError(f"no sample {number}, which {path} lists: expected 0 to {num_records - 1}")


def _by_name(path: Path, wanted: Sequence[str], names: Sequence[str]) -> list[int]:
    places: dict[str, int] = {}
    twice = set()
    for number, name in enumerate(names):
        if name in places:
            twice.add(name)
        places[name] = number
    for name in wanted:
        if name not in places:
            expected = "numbers, since no names were kept"
            if places:
                expected = f"names as they were packed, such as {next(iter(places))!r}, or numbers"
            raise RecordsError(f"no sample {name!r}, which {path} lists: expected {expected}")
        if name in twice:
            raise RecordsError(
                f"two samples {name!r}, which {path} lists: list their numbers instead"
            )
    return [places[name] for name in wanted]
