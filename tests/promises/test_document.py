"""The tables in README.md and docs/ are those of the result files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from headrace.bench import document
from headrace.pipeline.errors import ConfigError

ROW = {"records": "jpeg-500", "size": 128, "ratio": 2.0, "first_batch_s": None}
ROWS = [
    {**ROW, "loader": "peer:ffcv", "images_per_s": 1000.0, "ratio": 1.0},
    {**ROW, "loader": "native", "images_per_s": 2000.0},
    {**ROW, "loader": "native", "images_per_s": 1500.0, "size": 224},
]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    (tmp_path / "r.json").write_text(json.dumps({"command": "bench/x.py --a", "rows": ROWS}))
    return tmp_path


@pytest.mark.parametrize("path", document.DOCUMENTS, ids=lambda path: path.name)
def test_documents_show_the_results(path: Path) -> None:
    text = path.read_text()
    assert "<!-- table" in text
    assert document.fill(text) == text


def test_a_table_is_filled_and_filled_again(results: Path) -> None:
    text = "before\n\n<!-- table speed r.json -->\nold\n<!-- end -->\n\nafter\n"
    expected = """before

<!-- table speed r.json -->
`bench/x.py --a`

| loader | jpeg-500, 128 px | jpeg-500, 224 px |
| --- | ---: | ---: |
| native | 2,000 (2.0x) | 1,500 (2.0x) |
| peer:ffcv | 1,000 (1.0x) | - |
<!-- end -->

after
"""
    assert document.fill(text, results) == expected
    assert document.fill(expected, results) == expected


def test_an_empty_table_leaves_what_follows(results: Path) -> None:
    empty = "<!-- table speed r.json -->\n<!-- end -->\n"
    found = document.fill(f"{empty}\nbetween\n\n{empty}", results)
    assert "\nbetween\n" in found
    assert found.count("| native |") == 2


def test_rows_are_chosen_by_conditions(results: Path) -> None:
    text = "<!-- table speed r.json size=224 -->\n<!-- end -->"
    assert "128 px" not in document.fill(text, results)


@pytest.mark.parametrize("table", ["speed missing.json", "unheard-of r.json"])
def test_an_unknown_table_is_an_error(results: Path, table: str) -> None:
    with pytest.raises(ConfigError, match=table.split()[0]):
        document.fill(f"<!-- table {table} -->\n<!-- end -->", results)


def test_a_gpus_results_are_shown_by_section(tmp_path: Path) -> None:
    rows = [
        {"section": "loading", "what": "native, 128 px", "shown": "9,000 images/s", "iqr": 12.0},
        {"section": "warp", "what": "ours", "shown": "5 MiB"},
    ]
    (tmp_path / "gpu.json").write_text(json.dumps({"command": "bench/gpu.py", "rows": rows}))
    text = document.fill("<!-- table gpu gpu.json section=loading -->\n<!-- end -->", tmp_path)
    assert "| native, 128 px | 9,000 images/s | 12 |" in text and "MiB" not in text
