"""Rows of a log that was cut off, or damaged."""

from __future__ import annotations

from pathlib import Path

from headrace.train.folder.journal import read_rows


def test_half_a_line_at_the_end_is_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"kind": "start"}\n{"kind": "st\n[1]\n{"kind": "epoch"}\n{"kind": "ep')
    assert read_rows(path) == ([{"kind": "start"}, {}, {"kind": "epoch"}], 1)
