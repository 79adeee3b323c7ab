"""WebDataset shards through its WebLoader."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from headrace.bench.loading.loader_under_test import Job, Source
from headrace.bench.loading.peers.image_folder import pil_transform
from headrace.pipeline.errors import MissingPackageError

NUM_SHARDS = 16  # its documentation wants several per worker
SHUFFLE_BUFFER = 1000


def prepare(folder: Path, out: Path) -> None:
    """Writes a tree of JPEGs as shards."""
    webdataset = _webdataset()
    files = sorted(folder.glob("*/*"))
    classes = sorted({file.parent.name for file in files})
    out.mkdir()
    for shard in range(min(NUM_SHARDS, len(files))):
        with webdataset.TarWriter(str(out / f"{shard:04d}.tar")) as writer:
            for number in range(shard, len(files), NUM_SHARDS):
                file = files[number]
                writer.write(
                    {
                        "__key__": f"{number:08d}",
                        "jpg": file.read_bytes(),
                        "cls": classes.index(file.parent.name),
                    }
                )


def open_source(job: Job) -> Source:
    """Shards, shuffled, decoded by PIL in worker processes."""
    webdataset = _webdataset()
    shards = sorted(str(file) for file in Path(job.path).glob("*.tar")) * job.repeat
    dataset = (
        webdataset.WebDataset(shards, shardshuffle=len(shards), empty_check=False)
        .shuffle(SHUFFLE_BUFFER)
        .decode("pil")
        .to_tuple("jpg", "cls")
        .map_tuple(pil_transform(job), _same)
        .batched(job.batch_size)
    )
    loader = webdataset.WebLoader(
        dataset,
        batch_size=None,
        shuffle=False,
        num_workers=min(job.workers, len(shards)),
        persistent_workers=job.workers > 0,
    )
    return WebDatasetSource(loader, job.device)


def _same(label: int) -> int:
    return label


def _webdataset() -> Any:
    try:
        import webdataset
    except ImportError as error:
        reason = f"webdataset cannot be imported ({error}): install headrace[shards]"
        raise MissingPackageError(reason) from None
    return webdataset


class WebDatasetSource:
    """A WebLoader as a source."""

    def __init__(self, loader: Any, device: str) -> None:
        self._loader = loader
        self._device = torch.device(device)

    def epoch(self, number: int) -> Iterator[int]:
        for images, _ in self._loader:
            yield len(images.to(self._device, non_blocking=True))

    def close(self) -> None:
        self._loader = None
