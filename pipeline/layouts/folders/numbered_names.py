"""Names of images that begin with a number, as Food-11's 3_17.jpg: which numbers may be labels."""

from __future__ import annotations

import re
from collections.abc import Sequence

_LABEL_NAME = re.compile(r"(-?[0-9]+)_[^/]*\.[^./]+$")


def numbered_name(path: str) -> int | None:
    """The label in a file name `label_number.ext`, or None."""
    match = _LABEL_NAME.fullmatch(path.rpartition("/")[2])
    return int(match[1]) if match else None


def plausible_numbers(paths: Sequence[str]) -> set[int]:
    """The numbers before the _ of names, if they may be labels."""
    numbers = {label for path in paths if (label := numbered_name(path)) is not None and label >= 0}
    # Dates such as 20240131_1.jpg are no labels: class numbers have few gaps.
    few = bool(numbers) and max(numbers) < 4 * len(numbers) + 16 and not _is_padded(paths)
    return numbers if few else set()


def _is_padded(paths: Sequence[str]) -> bool:
    """Whether the numbers are ids such as 00000012: no class is numbered so."""
    return any(path.rpartition("/")[2].startswith("000") for path in paths)
