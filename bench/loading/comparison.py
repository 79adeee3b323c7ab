"""What a comparison of loaders is made of: its settings, who runs on what, and its results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from headrace.bench.core.isolated_process import UnavailableError
from headrace.bench.loading.ceilings import JPEG_CEILINGS, RAW_CEILINGS
from headrace.bench.loading.image_forms import ImageForms, warm_page_cache
from headrace.bench.loading.image_sets import ImageSet
from headrace.bench.loading.loader_under_test import Job
from headrace.bench.loading.sources import ORIGINAL_FOLDER_PEERS, PEERS, reads_of

FOLDER_LOADERS = ("torchvision",)
"""Our loaders that make sense on a folder that is not packed."""


@dataclass(frozen=True, kw_only=True)
class CompareConfig:
    """How to measure.

    Attributes:
        loaders, peers: names, peers without their prefix.
        ceilings: measure the machine's limits too.
        repeats: measured runs of each.
        min_s: least duration of one of them, in whole epochs.
        memory_epochs: epochs, and early breaks, over which memory is watched; 0 for none.
    """

    loaders: Sequence[str]
    peers: Sequence[str]
    ceilings: bool = True
    batch_size: int = 256
    workers: int = 2
    device: str = "cpu"
    seed: int = 0
    repeats: int = 5
    min_s: float = 1.5
    memory_epochs: int = 0


@dataclass
class Results:
    """What a benchmark found out.

    Attributes:
        rows: measurements, one per loader, set of images, size and crop scale.
        unavailable: loaders that could not run, with `loader`, `records` and `reason`.
        memory: growth per loader, see timed_loader.Growth.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    unavailable: list[dict[str, Any]] = field(default_factory=list)
    memory: list[dict[str, Any]] = field(default_factory=list)


def names_for(image_set: ImageSet, config: CompareConfig, with_folder: bool) -> list[str]:
    """What runs on a image_set.

    Args:
        with_folder: the original folder is another image_set of this benchmark.
    """
    ours = [n for n in config.loaders if not image_set.folder or n in FOLDER_LOADERS]
    peers = []
    for name in config.peers:
        reads = PEERS[name][1]
        if image_set.folder:
            fits = reads == "folder"
        elif image_set.raw:
            fits = reads == "beton"
        else:
            fits = not (with_folder and name in ORIGINAL_FOLDER_PEERS)
        if fits:
            peers.append(f"peer:{name}")
    ceilings: Sequence[str] = ()
    if config.ceilings and not image_set.folder:
        ceilings = RAW_CEILINGS if image_set.raw else JPEG_CEILINGS
    return [*ours, *peers, *ceilings]


def make_job(
    image_set: ImageSet,
    name: str,
    config: CompareConfig,
    forms: ImageForms,
    size: int,
    crop_scale: tuple[float, float],
) -> Job:
    """The job of a loader on a image_set, with what it reads made and in the page cache."""
    reads = reads_of(name)
    path = image_set.path if ours_on_folder(image_set, name) else forms.path(image_set, reads)
    warm_page_cache(path)
    own = path == image_set.path
    return Job(
        name=name,
        path=str(path),
        split=image_set.split if own else "train" if reads == "beton" else None,
        size=size,
        batch_size=min(config.batch_size, image_set.images),
        workers=config.workers,
        crop_scale=crop_scale,
        device=config.device,
        seed=config.seed,
    )


def ours_on_folder(image_set: ImageSet, name: str) -> bool:
    """Whether it is one of our loaders, which opens the folder itself."""
    return image_set.folder and not name.startswith("peer:")


def note_unavailable(
    results: Results, name: str, image_set: ImageSet, error: UnavailableError
) -> None:
    """Adds the reason why a loader did not run, once."""
    entry = {"loader": name, "records": image_set.records, "reason": str(error)}
    if entry not in results.unavailable:
        results.unavailable.append(entry)
