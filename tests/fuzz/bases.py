"""The sound files that are damaged: one of each kind that can be opened, small."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from headrace.pipeline.containers import beton
from headrace.pipeline.containers.beton_writer import BetonWriter
from headrace.pipeline.containers.manifest import Manifest
from headrace.pipeline.containers.pack_report import LeftOut, PackReport
from headrace.pipeline.containers.shard_writer import ShardWriter
from tests.builders import StoredSample, photo, stored, with_levels, write_beton

COUNT = 6
NUM_TRAIN = 4
NAMES = ("a/0.jpg", "a/1.jpg", "b/2.jpg", "ü/3.jpg", "\udcff.jpg", "c/5.jpg")
BETONS = ("levels", "mixed", "old", "plain")
SHARDS = ("shards", "index")


def make_bases(folder: Path) -> None:
    """Writes each base into `folder` under its name, a file or a folder."""
    makers: dict[str, Callable[[Path], object]] = {
        "levels": lambda path: _beton(path, [with_levels(s, 2) for s in _samples()]),
        "mixed": lambda path: _beton(path, _samples("raw")),
        "old": lambda path: write_beton(path, _samples("raw"), _manifest()),
        "plain": lambda path: write_beton(path, _samples("raw")),
        "shards": lambda path: _shards(path, with_tables=True),
        "index": lambda path: _shards(path, with_tables=False),
    }
    assert set(makers) == {*BETONS, *SHARDS}
    for name, make in makers.items():
        make(folder / name)


def _samples(every_other: str = "420") -> list[StoredSample]:
    variants = ("420", every_other, "444", every_other, "gray", "422")
    sides = ((40, 33), (24, 50), (17, 17), (31, 48), (56, 20), (36, 41))
    found = [
        stored(photo(i, *sides[i]), variants[i], label=i % 3, name=NAMES[i]) for i in range(COUNT)
    ]
    file = io.BytesIO()
    Image.fromarray(photo(2, *sides[2])).save(file, "JPEG", quality=90, progressive=True)
    found[2] = dataclasses.replace(found[2], data=file.getvalue())
    return found


def _manifest() -> Manifest:
    left_out = LeftOut(kind=".txt", reason="no image", count=2, examples=("x.txt",))
    return Manifest(
        classes=("pear", "apple", "плод"),
        splits={"train": (0, NUM_TRAIN), "val": (NUM_TRAIN, COUNT)},
        encoding={"format": "jpeg", "quality": 90},
        mean=(0.5, 0.4, 0.3),
        std=(0.2, 0.2, 0.2),
        report=PackReport(layout="folders", taken=("a",), left_out=(left_out,), stored={"JPEG": 6}),
    )


def _beton(path: Path, samples: list[StoredSample]) -> None:
    with path.open("wb") as file:
        writer = BetonWriter(file, len(samples), beton.MIN_PAGE_SIZE)
        for s in samples:
            writer.add(
                s.data, mode=s.mode, width=s.width, height=s.height, label=s.label, levels=s.levels
            )
        writer.finish(_manifest(), NAMES)


def _shards(folder: Path, *, with_tables: bool) -> None:
    folder.mkdir()
    writer = ShardWriter(folder, None, 1 << 30)
    for i, s in enumerate([with_levels(s, 2) for s in _samples()]):
        writer.begin(s.name, "train" if i < NUM_TRAIN else "val")
        writer.add(
            s.data, mode=s.mode, width=s.width, height=s.height, label=s.label, levels=s.levels
        )
    writer.finish(_manifest(), NAMES)
    if not with_tables:
        (folder / "headrace.npz").unlink()
