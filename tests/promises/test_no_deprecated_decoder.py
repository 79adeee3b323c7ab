"""No loader decodes by what torchvision has deprecated, and will take away."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from headrace.bench.studies.jpeg_kinds import odd_kinds, sound_kinds
from tests.builders import StoredSample, available_loaders, make_records, samples

ROOT = Path(__file__).resolve().parents[2]
AS_ERROR = "error:The image decoding and encoding capabilities:DeprecationWarning"
CODE = """
import sys
from headrace import open_loader
path, name = sys.argv[1:]
with open_loader(path, loader=name, split=None, size=24, batch_size=8, workers=1) as loader:
    print(sum(len(batch.indices) for batch in loader.epoch(0)))
"""


def kinds_that_fall_back() -> list[StoredSample]:
    """Some that fast decoders leave to the reference."""
    found = sound_kinds() | odd_kinds()
    chosen = ("CMYK", "YCCK", "4:1:0", "JFIF 0.00", "stray bytes before a marker")
    plain = samples(1)[0]
    sides = [(40, 48) if kind == "4:1:0" else (157, 203) for kind in chosen]
    return [
        replace(plain, data=found[kind], height=height, width=width)
        for kind, (height, width) in zip(chosen, sides, strict=True)
    ]


@pytest.mark.parametrize("name", available_loaders())
def test_packed_files_of_all_kinds(tmp_path: Path, name: str) -> None:
    content = [*samples(3), *samples(3, variant="gray"), *kinds_that_fall_back()]
    make_records(tmp_path / "a.beton", content).close()
    loads_without_the_warning(tmp_path / "a.beton", name, len(content))


@pytest.mark.parametrize("name", ["torchvision", "resident"])
def test_folders(tmp_path: Path, name: str) -> None:
    content = [*samples(3), *kinds_that_fall_back()]
    for number, sample in enumerate(content):
        place = tmp_path / "images" / f"class{number % 2}" / f"{number}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(sample.data)
    loads_without_the_warning(tmp_path / "images", name, len(content))


def loads_without_the_warning(data: Path, name: str, count: int) -> None:
    """In a process of its own, whose workers take the filter over."""
    run = subprocess.run(
        [sys.executable, "-c", CODE, str(data), name],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": AS_ERROR},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert run.returncode == 0, run.stderr
    assert int(run.stdout.split()[-1]) == count
