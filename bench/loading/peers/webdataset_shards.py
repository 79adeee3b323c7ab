"""WebDataset shards through its WebLoader.

Of what it offers, the faster was taken. `decode` gets a function for JPEGs, torchvision's decoder;
each of its own names for images, such as "pil" or "torchrgb8", goes through PIL. Batches are made
in the workers by torch's collate function, which puts them where the training process reads them.
Batches that mix several workers' images (`unbatched`, `shuffle` and `batched` of the WebLoader)
would be taken apart and made again in the training process, and are left out. Of shuffling, both
levels are in: shards, and a buffer of samples.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import default_collate

from headrace.bench.loading.loader_under_test import Job, Source
from headrace.bench.loading.peers.image_folder import tensor_transform
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
    """Shards, shuffled, decoded by torchvision in worker processes.

    Raises:
        MissingPackageError: if webdataset is not installed.
    """
    webdataset = _webdataset()
    shards = sorted(str(file) for file in Path(job.path).glob("*.tar")) * job.repeat
    dataset = (
        webdataset.WebDataset(shards, shardshuffle=len(shards), empty_check=False)
        .shuffle(SHUFFLE_BUFFER)
        .decode(_jpeg)
        .to_tuple("jpg", "cls")
        .map_tuple(tensor_transform(job), _same)
        .batched(job.batch_size, collation_fn=default_collate)
    )
    loader = webdataset.WebLoader(
        dataset,
        batch_size=None,
        shuffle=False,
        num_workers=min(job.workers, len(shards)),
        pin_memory=job.device != "cpu",
        persistent_workers=job.workers > 0,
    )
    return WebDatasetSource(loader, job.device)


def _jpeg(key: str, data: bytes) -> torch.Tensor | None:
    """(3, H, W) uint8 of a JPEG's bytes; None leaves other parts of a sample to WebDataset."""
    if key != ".jpg":
        return None
    from torchvision.io import ImageReadMode, decode_jpeg

    return decode_jpeg(torch.frombuffer(bytearray(data), dtype=torch.uint8), ImageReadMode.RGB)


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
