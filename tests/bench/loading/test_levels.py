"""bench/levels.py: sources at several sizes, both ways of packing, tables and plot."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from headrace.bench.levels import main
from headrace.bench.loading.level_points import WITH, WITHOUT, pack_source
from headrace.bench.loading.repeat_records import repeat_records
from headrace.pipeline.records import Records
from tests.builders import (
    available_loaders,
    jpeg_bytes,
    photo,
    samples,
    with_levels,
    write_by_writer,
)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(3):
        (folder / f"{i}.jpg").write_bytes(jpeg_bytes(photo(i, 150, 200)))
    return folder


def test_a_result_has_speed_files_loss_and_a_plot(photos: Path, tmp_path: Path) -> None:
    result, plot = tmp_path / "r.json", tmp_path / "p.png"
    options = ["--source", "0", "400", "--size", "40", "--repeats", "1", "--epoch-images", "8"]
    options += ["--min-seconds", "0.01", "--batch-size", "4", "--workers", "1"]
    assert main([str(photos), *options, "--json", str(result), "--plot", str(plot)]) == 0
    found = json.loads(result.read_text())
    speeds = {(row["source_px"], row["loader"]): row for row in found["rows"]}
    assert {px for px, _ in speeds} == {200, 400}
    assert {WITH, WITHOUT} <= {name for _, name in speeds}
    for name in ("ffcv", "dali"):
        assert ((200, f"peer:{name}") in speeds) == (name in available_loaders())
    assert all(speeds[px, WITHOUT]["ratio"] == 1 for px in (200, 400))
    assert [row["source_px"] for row in found["levels-files"]] == [200, 400]
    assert all(0 < row["growth"] < 1 for row in found["levels-files"])
    assert all(row["psnr_db"] > 15 for row in found["levels-loss"])
    with Image.open(plot) as image:
        assert image.width > 300


def test_enlarged_sources_are_of_the_size_that_was_asked_for(photos: Path, tmp_path: Path) -> None:
    source, row = pack_source(photos, tmp_path, 320, 1)
    assert row["source_px"] == source.source_px == 320 and source.images == 3
    with Records.open(source.plain) as plain, Records.open(source.levels) as levels:
        assert plain.widths.tolist() == levels.widths.tolist() == [320] * 3
        assert plain.levels.shape[1] == 0 and levels.levels.any()


def test_repeated_records_keep_their_levels(tmp_path: Path) -> None:
    made = [with_levels(s, i) for i, s in enumerate(samples(4, low=60))]
    source = write_by_writer(tmp_path / "few.beton", made)
    repeat_records(source, tmp_path / "many.beton", split="train", count=11)
    with Records.open(source) as few, Records.open(tmp_path / "many.beton") as many:
        assert many.levels.sum(1).tolist() == [0, 1, 2, 3] * 2 + [0, 1, 2]
        for i in range(11):
            for level in range(int(many.levels[i].sum()) + 1):
                assert np.array_equal(many.view(i, level), few.view(i % 4, level))
