"""How many images have which smaller sizes beside them, and the bytes that these take."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from headrace.pipeline.containers.storage import MappedStorage
from headrace.pipeline.records import Records
from headrace.tools.packing.text_table import size_text


@dataclass(frozen=True, kw_only=True)
class LevelCount:
    """One level of all images.

    Attributes:
        side: of the level, as a share of the image's: 1/2, 1/4 and so on.
        samples: how many images have it.
        bytes: that it takes of them all.
    """

    side: str
    samples: int
    bytes: int


def count_levels(sizes: Iterable[Sequence[int]]) -> list[LevelCount]:
    """The counts, of the bytes that each level takes of each image that may have it, 0 where it
    does not."""
    return [
        LevelCount(
            side=f"1/{2**level}", samples=sum(size > 0 for size in column), bytes=sum(column)
        )
        for level, column in enumerate(sizes, 1)
    ]


def levels_of(records: Records) -> list[LevelCount]:
    """The counts of packed records; none where there are no levels."""
    storage = records.storage
    if not isinstance(storage, MappedStorage) or storage.levels is None:
        return []
    return count_levels(storage.levels.sizes.T.tolist())


def levels_line(counts: Sequence[LevelCount], image_bytes: int) -> list[str]:
    """What there is, in a line, and by how much of the images' own bytes it is more; none where
    there is nothing."""
    counts = [count for count in counts if count.samples]
    if not counts:
        return []
    more = sum(count.bytes for count in counts) / image_bytes
    each = ", ".join(
        f"{count.side} of {count.samples} images, {size_text(count.bytes)}" for count in counts
    )
    return [f"  smaller sizes: {each}; {more:.0%} more than without"]
