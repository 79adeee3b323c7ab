"""Every loader, and the packer, where the resampling kernel cannot be compiled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from headrace.pipeline.loader import open_loader
from headrace.pipeline.records import Records
from headrace.pipeline.resampling import boxes, machine_code
from headrace.pipeline.resampling.boxes import box_row, resize_boxes, resize_image
from headrace.pipeline.resampling.fallback import resize_boxes_by_torch
from headrace.pipeline.resampling.machine_code import MachineCode
from headrace.tools.pack import main
from tests.builders import (
    VARIANTS,
    available_loaders,
    jpeg_bytes,
    make_records,
    photo,
    reference_images,
    samples,
)

LARGEST = 8


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As with another numba: nothing is kept, and compiling fails."""

    def fail(*arguments: object) -> bytes:
        raise NotImplementedError("no such intrinsic")

    monkeypatch.setattr(machine_code, "_folders", lambda: [tmp_path / "kept"])
    monkeypatch.setattr(machine_code, "_compile", fail)
    fresh = MachineCode("headrace.pipeline.resampling.kernel", "resize_boxes", 2)
    monkeypatch.setattr(boxes, "_resize_boxes", fresh)


@pytest.mark.usefixtures("broken")
def test_it_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    image = photo(1, 40, 30)
    for _ in range(2):
        assert resize_image(image, 9, 7).shape == (9, 7, 3)
    said = capsys.readouterr().err
    assert said.count("resize_boxes cannot be compiled here, so torch resizes images") == 1
    assert "no such intrinsic" in said


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize("name", available_loaders())
def test_every_loader_loads(tmp_path: Path, name: str) -> None:
    content = [s for i, v in enumerate(VARIANTS) for s in samples(4, variant=v, seed=i)]
    with make_records(tmp_path / "a.beton", content) as records:
        with open_loader(records, loader=name, size=32, batch_size=7, workers=2) as loader:
            plan = loader.plan(0)
            for step, batch in enumerate(loader.epoch(0)):
                expected = reference_images(records, plan, plan.batch_slice(step), 32)
                difference = np.abs(batch.images.numpy().astype(np.int16) - expected)
                assert difference.max() <= LARGEST


@pytest.mark.usefixtures("broken")
def test_packing_shrinks_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for i in range(4):
        (tmp_path / "in" / f"{i % 2}_{i}.jpg").write_bytes(jpeg_bytes(photo(i, 120, 90)))
    assert main([str(tmp_path / "in"), str(tmp_path / "o.beton"), "--max-side", "48"]) == 0
    with Records.open(tmp_path / "o.beton") as records:
        assert records.heights.tolist() == [48] * 4 and records.widths.tolist() == [36] * 4


def test_both_ways_agree_to_a_level() -> None:
    rng = np.random.default_rng(0)
    image = photo(3, 90, 70)
    for _ in range(30):
        height, width = rng.integers(1, 91), rng.integers(1, 71)
        y, x = rng.integers(0, 91 - height), rng.integers(0, 71 - width)
        out_height, out_width = (int(v) for v in rng.integers(1, 60, 2))
        crop, flip = image[y : y + height, x : x + width], bool(rng.integers(2))
        found = np.zeros((2, out_height, out_width, 3), np.uint8)
        for way, target in zip((resize_boxes, resize_boxes_by_torch), found, strict=True):
            table = np.array([box_row(crop, flip, target)], np.int64)
            way(table)
        assert np.abs(found[0].astype(np.int16) - found[1]).max() <= 1
