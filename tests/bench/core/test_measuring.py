"""Spread, memory, the recorded command, and the three forms of a report."""

from __future__ import annotations

import functools
import itertools
import json
import mmap
from pathlib import Path

import pytest
from PIL import Image

from headrace.bench.core import process_usage
from headrace.bench.core.bar_chart import Bar, Panel, bar_chart
from headrace.bench.core.machine import hardware, versions
from headrace.bench.core.process_usage import PeakMemory, cpu_percent, cpu_seconds, memory_now
from headrace.bench.core.repeats import interleaved, spread
from headrace.bench.core.result_file import command_line, write_json
from headrace.bench.core.tables import Column, table


def test_the_spread_is_the_distance_between_the_quartiles() -> None:
    found = spread([4.0, 1.0, 2.0, 3.0, 100.0])
    assert (found.median, found.iqr, found.count) == (3.0, 2.0, 5)
    assert (spread([7.0]).median, spread([7.0]).iqr) == (7.0, 0.0)
    with pytest.raises(ValueError, match="no measurements"):
        spread([])


def test_repeats_are_interleaved() -> None:
    calls: list[str] = []

    def call(name: str) -> int:
        calls.append(name)
        return len(calls)

    runs = {name: functools.partial(call, name) for name in "abc"}
    assert interleaved(runs, 2) == {"a": [1, 4], "b": [2, 5], "c": [3, 6]}
    assert calls == list("abcabc")


def test_the_recorded_command_names_no_directories() -> None:
    words = ["--data", "/home/me/a.beton", "b/c.beton", "--json=/tmp/x/r.json", "--size", "128"]
    recorded = command_line("bench/throughput.py", words)
    assert recorded == "bench/throughput.py --data a.beton c.beton --json=r.json --size 128"


def test_memory_and_time_are_those_of_this_process() -> None:
    before = memory_now()
    # Pages of its own: what an allocator has kept of earlier tests is in memory already.
    with mmap.mmap(-1, 200_000_000) as held, PeakMemory(interval_s=0.01) as peak:
        held.write(b"x" * len(held))
        assert cpu_seconds() > 0
    assert peak.rss_mb > before.rss_mb + 100
    assert 0 < before.private_mb <= before.rss_mb
    assert cpu_percent(0.0, 1.0) == 0


def test_a_result_says_what_it_ran_on_and_not_where(tmp_path: Path) -> None:
    assert set(hardware()) >= {"cpu", "cores", "memory_gb"}
    assert versions(["numpy", "no-such-package"]).keys() == {"python", "numpy"}
    path = tmp_path / "deep" / "r.json"
    write_json(path, command="x", rows=[{"loader": "a", "images_per_s": 1234.5678}], memory=[])
    document = json.loads(path.read_text())
    assert document["rows"] == [{"loader": "a", "images_per_s": 1235.0}]
    assert set(document) == {"command", "date", "versions", "hardware", "rows", "memory"}
    assert [file.name for file in path.parent.iterdir()] == ["r.json"]


def test_the_table_is_aligned() -> None:
    rows: list[dict[str, object]] = [
        {"loader": "native", "speed": 12000.4},
        {"loader": "b", "speed": None},
    ]
    lines = table(rows, [Column("loader"), Column("images/s", "speed", ",.0f")]).splitlines()
    assert lines == ["loader  images/s", "------  --------", "native    12,000", "b              -"]
    assert table([], [Column("loader")]).splitlines()[0] == "loader"


def test_the_chart_cuts_what_would_dwarf_the_rest(tmp_path: Path) -> None:
    bars = [Bar(f"loader {i}", 100.0 + i, 3.0, "peer") for i in range(6)]
    path = tmp_path / "chart.png"
    bar_chart(path, [Panel("a", [Bar("huge", 1e6), *bars]), Panel("none", [])], title="t", unit="u")
    with Image.open(path) as image:
        assert image.size[0] > 500
    assert [file.name for file in tmp_path.iterdir()] == ["chart.png"]


def test_what_still_computes_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    used = iter([5.0, 5.1, 5.15, 5.16, 6.0])
    monkeypatch.setattr(process_usage, "LOOK_S", 0.1)
    monkeypatch.setattr(process_usage, "cpu_seconds", lambda: next(used))
    assert process_usage.wait_until_idle()
    assert next(used) == 6.0, "it goes on as soon as it is idle"
    endless = itertools.count()
    monkeypatch.setattr(process_usage, "cpu_seconds", lambda: next(endless))
    assert not process_usage.wait_until_idle(0.2)
