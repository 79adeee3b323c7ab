"""What is compared: the settings, the files, and the images of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from headrace.bench.end_to_end.long_epochs import long_epoch, resident_turns
from headrace.bench.loading.image_forms import warm_page_cache
from headrace.bench.loading.image_sets import ImageSet
from headrace.pipeline.class_names import class_names
from headrace.pipeline.records import Records

RESIDENT = "resident"


@dataclass(frozen=True, kw_only=True)
class Compared:
    """How to measure.

    Attributes:
        model: of ours, as in training.
        size: side of the crops, px.
        workers: of each loader.
        amp: bf16 or off.
        epoch_images: least images of an epoch; fewer are repeated.
        repeats: measured runs of each.
        min_s: least duration of one of them.
        settling: steps before a loader's are timed.
        scratch: a folder for files and runs.
    """

    model: str
    size: int
    batch_size: int
    workers: int
    device: str
    amp: str
    epoch_images: int
    repeats: int
    min_s: float
    settling: int
    scratch: Path

    def turns(self, images: int) -> int:
        """How often so many images are repeated in an epoch."""
        return max(1, -(-max(self.epoch_images, self.batch_size) // images))

    def file_for(self, loader: str, image_set: ImageSet) -> Path:
        """The file that a loader of ours trains on, in the page cache."""
        path, split, images = image_set.path, image_set.split, image_set.images
        turns = self.turns(images)
        if loader == RESIDENT:
            turns = min(turns, resident_turns(path, split, images))
        made = long_epoch(path, split, images, turns, self.scratch)
        warm_page_cache(made)
        return made

    def folder_of(self, *words: str) -> Path:
        """The folder of a run."""
        return self.scratch / "-".join(("run", *words))

    def columns(self) -> dict[str, object]:
        """What every row says of the settings."""
        return {
            "model": self.model,
            "size": self.size,
            "batch_size": self.batch_size,
            "device": self.device,
        }


def class_counts(paths: Sequence[Path]) -> dict[str, int]:
    """Number of classes of each packed file, by its path."""
    found = {}
    for path in paths:
        with Records.open(path) as records:
            found[str(path)] = len(class_names(records))
    return found
