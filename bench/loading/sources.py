"""Every loader by its name: ours, the peers with what they read, and the ceilings.

A new peer is a module in bench/loading/peers/ and a line in PEERS.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator

from headrace.bench.loading.loader_under_test import Job, Reads, Source
from headrace.pipeline.loader import open_loader

PEERS: dict[str, tuple[str, Reads]] = {
    "course-script": ("headrace.bench.loading.peers.course_script", "folder"),
    "torchvision-pil": ("headrace.bench.loading.peers.image_folder", "folder"),
    "torchvision-v2": ("headrace.bench.loading.peers.image_folder", "folder"),
    "torchcodec": ("headrace.bench.loading.peers.torchcodec_folder", "folder"),
    "ffcv": ("headrace.bench.loading.peers.ffcv_loader", "beton"),
    "dali": ("headrace.bench.loading.peers.dali_reader", "folder"),
    "dali-dynamic": ("headrace.bench.loading.peers.dali_dynamic", "folder"),
    "timm": ("headrace.bench.loading.peers.timm_loader", "folder"),
    "spdl": ("headrace.bench.loading.peers.spdl_pipeline", "folder"),
    "webdataset": ("headrace.bench.loading.peers.webdataset_shards", "shards"),
    "litdata": ("headrace.bench.loading.peers.litdata_chunks", "chunks"),
}
"""Peer names, the modules that define `open_source(job) -> Source`, and what they read."""

ORIGINAL_FOLDER_PEERS = (
    "course-script",
    "torchvision-pil",
    "torchvision-v2",
    "torchcodec",
    "timm",
)
"""Peers whose own users have nothing but the original folder; they run there where it is given."""


def reads_of(name: str) -> Reads:
    """The form of the images that a loader reads."""
    kind, _, peer = name.rpartition(":")
    return PEERS[peer][1] if kind == "peer" else "beton"


class OurSource:
    """A Headrace loader as a source."""

    def __init__(self, job: Job) -> None:
        self._loader = open_loader(
            job.path,
            split=job.split,
            size=job.size,
            batch_size=job.batch_size,
            loader=job.name,
            seed=job.seed,
            workers=job.workers,
            device=job.device,
            geometry="crop",  # of small images too
            crop_scale=job.crop_scale,
        )

    def epoch(self, number: int) -> Iterator[int]:
        for batch in self._loader.epoch(number):
            yield len(batch.labels)

    def close(self) -> None:
        self._loader.close()
        self._loader.records.close()


def open_source(job: Job) -> Source:
    """Opens whatever the job names.

    Raises:
        HeadraceError: if it cannot run here, with the reason.
    """
    kind, _, name = job.name.rpartition(":")
    if kind == "peer":
        source: Source = importlib.import_module(PEERS[name][0]).open_source(job)
        return source
    if kind == "ceiling":
        from headrace.bench.loading.ceilings import open_ceiling

        return open_ceiling(job)
    return OurSource(job)
