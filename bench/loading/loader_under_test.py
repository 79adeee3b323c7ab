"""A loader under test: a job says which loader on what, a source is that loader, opened.

Ours, the peers and the ceilings all become a `Source`, so that one piece of code measures them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

Reads = Literal["beton", "folder", "shards", "chunks"]
"""What a peer reads: our file, a tree of JPEGs in class folders, WebDataset shards, litdata's."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One loader on one set of images.

    Attributes:
        name: one of ours, `peer:...` or `ceiling:...`.
        path: of what it reads.
        split: of records; None for what has none.
        size: side of the images, px.
        repeat: how often the images occur in an epoch, for readers of files and shards.
    """

    name: str
    path: str
    split: str | None
    size: int
    batch_size: int
    workers: int
    crop_scale: tuple[float, float]
    device: str = "cpu"
    seed: int = 0
    repeat: int = 1


class Source(Protocol):
    """A loader as the benchmark sees it."""

    def epoch(self, number: int) -> Iterator[int]:
        """Yields the number of images of each batch once it is ready."""
        ...

    def close(self) -> None: ...
