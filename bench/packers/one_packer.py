"""The packers that bench/packing.py compares, each run in a process of its own.

    python -m headrace.bench.packers.one_packer ours:full SOURCE OUT 256 2

prints one line of JSON: images, seconds, output bytes. Imports and the first touch of compiled
code are not in the seconds; listing the source folder is.
"""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

QUALITY = 90


@dataclass(frozen=True, kw_only=True)
class Task:
    """What to pack. `max_side` in pixels, 0 for any size; a flat folder of images, no labels."""

    source: Path
    out: Path
    max_side: int
    workers: int


def main(arguments: list[str]) -> int:
    """Runs one packer and prints its result."""
    name, source, out, max_side, workers = arguments
    task = Task(source=Path(source), out=Path(out), max_side=int(max_side), workers=int(workers))
    images, seconds = PACKERS[name](task)
    process_s = time.time() - psutil.Process().create_time()
    files = [task.out] if task.out.is_file() else [f for f in task.out.rglob("*") if f.is_file()]
    num_bytes = sum(f.stat().st_size for f in files)
    found = {"images": images, "seconds": seconds, "output_bytes": num_bytes}
    print(json.dumps({**found, "process_s": process_s}))
    return 0


def _ours(task: Task, verify: str) -> tuple[int, float]:
    from headrace.pipeline.layouts.discovery import discover
    from headrace.tools.packing.encode import EncodeConfig
    from headrace.tools.packing.output import Output
    from headrace.tools.packing.run import pack_beton

    config = EncodeConfig(max_side=task.max_side, quality=QUALITY, verify=verify)  # type: ignore[arg-type]
    started = time.perf_counter()
    out = Output(path=task.out, force=True)
    report = pack_beton(discover(task.source), out, config, workers=task.workers)
    return len(report.labels), time.perf_counter() - started


def _ffcv(task: Task) -> tuple[int, float]:
    """FFCV's DatasetWriter as its documentation shows it: a torch data set of PIL images."""
    from ffcv.fields import IntField, RGBImageField
    from ffcv.writer import DatasetWriter
    from PIL import Image

    class Photos:
        def __init__(self, folder: Path) -> None:
            self.paths = sorted(folder.iterdir())

        def __len__(self) -> int:
            return len(self.paths)

        def __getitem__(self, index: int) -> tuple[Image.Image, int]:
            # As torchvision's ImageFolder loads.
            with self.paths[index].open("rb") as file:
                return Image.open(file).convert("RGB"), 0

    started = time.perf_counter()
    photos = Photos(task.source)
    image = RGBImageField(
        write_mode="jpg", max_resolution=task.max_side or None, jpeg_quality=QUALITY
    )
    fields = {"image": image, "label": IntField()}
    DatasetWriter(str(task.out), fields, num_workers=task.workers).from_indexed_dataset(photos)
    return len(photos), time.perf_counter() - started


def _webdataset(task: Task) -> tuple[int, float]:
    """ShardWriter, one process as it comes: bytes as they are, or shrunk with PIL."""
    import webdataset as wds
    from PIL import Image

    task.out.mkdir()
    started = time.perf_counter()
    paths = sorted(task.source.iterdir())
    with wds.ShardWriter(str(task.out / "%06d.tar"), maxcount=10_000, verbose=0) as sink:
        for index, path in enumerate(paths):
            data = path.read_bytes()
            if task.max_side:
                data = _shrunk(Image.open(io.BytesIO(data)), task.max_side, data)
            sink.write({"__key__": f"{index:09d}", "jpg": data, "cls": 0})
    return len(paths), time.perf_counter() - started


def _shrunk(image: Any, max_side: int, data: bytes) -> bytes:
    if max(image.size) <= max_side:
        return data
    image.draft("RGB", (max_side, max_side))  # reduces while decoding where it can
    small = image.convert("RGB")
    small.thumbnail((max_side, max_side))
    file = io.BytesIO()
    small.save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


PACKERS: dict[str, Callable[[Task], tuple[int, float]]] = {
    "ours:full": lambda task: _ours(task, "full"),
    "ours:header": lambda task: _ours(task, "header"),
    "peer:ffcv": _ffcv,
    "peer:webdataset": _webdataset,
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
