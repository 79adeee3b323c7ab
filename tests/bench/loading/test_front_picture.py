"""The picture at the head of README.md shows what the result files say."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from headrace.bench.document import PICTURES, RESULTS, ROOT
from headrace.bench.loading.front_picture import draw, loader_bars, source_lines


def rows(name: str) -> list[dict[str, object]]:
    return list(json.loads((RESULTS / name).read_text())["rows"])


def test_lines_are_those_of_one_size() -> None:
    found = {line.label: line for line in source_lines(rows("levels.json"))}
    assert list(found) == ["Headrace", "without levels", "DALI", "FFCV"]
    speeds = {
        (r["loader"], r["source_px"], r["size"]): r["images_per_s"] for r in rows("levels.json")
    }
    assert found["FFCV"].points[-1] == (2048, speeds["peer:ffcv", 2048, 128])
    assert found["Headrace"].points[0] == (500, speeds["native, levels", 500, 128])
    assert found["without levels"].kind == "ours" and found["DALI"].kind == "peer"


def test_bars_fall_and_say_who_read_a_folder() -> None:
    row = {"size": 128, "images_per_s_iqr": 1.0}
    bars = loader_bars(
        [
            {**row, "loader": "peer:timm", "records": "folder", "images_per_s": 5.0},
            {**row, "loader": "peer:dali", "records": "folder", "images_per_s": 9.0},
            {**row, "loader": "peer:dali", "records": "jpeg-500", "images_per_s": 7.0},
            {**row, "loader": "native", "records": "jpeg-500", "images_per_s": 8.0},
            {**row, "loader": "native", "records": "jpeg-500", "images_per_s": 1.0, "size": 224},
        ]
    )
    assert [(bar.label, bar.value) for bar in bars] == [
        ("Headrace", 8.0),
        ("DALI", 7.0),
        ("timm *", 5.0),
    ]


def test_every_loader_that_was_measured_is_shown_once() -> None:
    labels = [bar.label.rstrip(" *") for bar in loader_bars(rows("peers.json"))]
    peers = {str(row["loader"]) for row in rows("peers.json")} - {"torchvision"}
    assert len(labels) == len(set(labels)) == len(peers)


def test_pictures_are_small_and_readme_shows_them(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    paths = draw(tmp_path, RESULTS)
    shown = set(re.findall(r'src(?:set)?="([^"]+)"', (ROOT / "README.md").read_text()))
    assert shown == {(PICTURES / path.name).relative_to(ROOT).as_posix() for path in paths}
    for path in paths:
        assert path.read_bytes().startswith(b"\x89PNG") and (PICTURES / path.name).is_file()
        assert path.stat().st_size < 150_000
