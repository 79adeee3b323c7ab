"""litdata's optimised chunks through its StreamingDataLoader."""

from __future__ import annotations

import functools
import math
import os
from pathlib import Path
from typing import Any

from torchvision.transforms import v2

from headrace.bench.loading.loader_under_test import Job, Source
from headrace.bench.loading.peers.image_folder import DataLoaderSource
from headrace.pipeline.errors import MissingPackageError

LEAST_IMAGES = 4096


def prepare(folder: Path, out: Path) -> None:
    """Writes a tree of JPEGs as chunks; the JPEG bytes stay as they are.

    A small set is written several times over: an epoch has what is written, and one of a single
    chunk would keep a single worker busy.

    litdata empties its two cache folders at the start, and they default to `data` and `chunks` in
    the folder for temporary files, where a user may keep things; so it gets folders of its own.
    """
    litdata = _litdata()
    os.environ["DATA_OPTIMIZER_CACHE_FOLDER"] = str(out.with_name(out.name + ".cache"))
    os.environ["DATA_OPTIMIZER_DATA_CACHE_FOLDER"] = str(out.with_name(out.name + ".data-cache"))
    files = sorted(folder.glob("*/*"))
    classes = sorted({file.parent.name for file in files})
    litdata.optimize(
        fn=functools.partial(_read, classes=classes),
        inputs=[str(file) for file in files] * math.ceil(LEAST_IMAGES / max(1, len(files))),
        output_dir=str(out),
        chunk_bytes="64MB",
        num_workers=1,
        start_method="spawn",
        verbose=False,
    )


def _read(path: str, classes: list[str]) -> tuple[Any, int]:
    from PIL import Image

    return Image.open(path), classes.index(Path(path).parent.name)


def open_source(job: Job) -> Source:
    """Chunks, shuffled, decoded by torchvision in worker processes."""
    litdata = _litdata()
    dataset = _cropping(litdata, job)
    loader = litdata.StreamingDataLoader(
        dataset,
        batch_size=job.batch_size,
        num_workers=job.workers,
        persistent_workers=job.workers > 0,
    )
    return DataLoaderSource(loader, job.device)


def _cropping(litdata: Any, job: Job) -> Any:
    """The dataset with crop and flip in `__getitem__`, as litdata's guide adds transforms."""
    transform = v2.Compose(
        [
            v2.RGB(),
            v2.RandomResizedCrop(job.size, scale=job.crop_scale, antialias=True),
            v2.RandomHorizontalFlip(),
        ]
    )

    class Cropping(litdata.StreamingDataset):
        def __getitem__(self, index: Any) -> Any:
            image, label = super().__getitem__(index)
            return transform(image), label

    return Cropping(job.path, shuffle=True)


def _litdata() -> Any:
    try:
        import litdata
    except ImportError as error:
        raise MissingPackageError(
            f"litdata cannot be imported ({error}): install headrace[bench]"
        ) from None
    return litdata
