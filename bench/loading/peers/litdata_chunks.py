"""litdata's optimised chunks through its StreamingDataLoader.

As its guide has it: JPEG files keep their bytes (`Jpeg(path=...)`) in chunks of its default size,
which its own serializer decodes by torchvision, each image when it is asked for; chunks are read in
place, since they are on a local disk; order is shuffled by chunks and within them; crop and flip
are the dataset's `transform`, done in the loader's worker processes. It has no faster decoder.
"""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from headrace.bench.loading.loader_under_test import Job, Source
from headrace.bench.loading.peers.image_folder import DataLoaderSource, tensor_transform
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
    return _litdata().Jpeg(path=path), classes.index(Path(path).parent.name)


def open_source(job: Job) -> Source:
    """Chunks, shuffled, decoded by torchvision in worker processes.

    Raises:
        MissingPackageError: if litdata is not installed.
    """
    litdata = _litdata()
    transform = functools.partial(_with_label, transform=tensor_transform(job))
    loader = litdata.StreamingDataLoader(
        litdata.StreamingDataset(job.path, shuffle=True, seed=job.seed, transform=transform),
        batch_size=job.batch_size,
        num_workers=job.workers,
        pin_memory=job.device != "cpu",
        persistent_workers=job.workers > 0,
    )
    return DataLoaderSource(loader, job.device)


def _with_label(
    sample: tuple[torch.Tensor, int], transform: Callable[[Any], torch.Tensor]
) -> tuple[torch.Tensor, int]:
    image, label = sample
    return transform(image), label


def _litdata() -> Any:
    try:
        import litdata
    except ImportError as error:
        raise MissingPackageError(
            f"litdata cannot be imported ({error}): install headrace[bench]"
        ) from None
    return litdata
