"""Progress bars: lively in a terminal, silent in a log file unless the work takes minutes."""

from __future__ import annotations

import io

import pytest

from headrace.pipeline import bars


class Stream(io.StringIO):
    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


def shown(monkeypatch: pytest.MonkeyPatch, terminal: bool, count: int = 500) -> str:
    """What a bar writes that is moved and spoken to `count` times."""
    stream = Stream(terminal)
    monkeypatch.setattr("sys.stderr", stream)
    with bars.bar(total=count, desc="work", unit="image") as progress:
        for number in range(count):
            progress.set_postfix_str(f"number {number}")
            progress.update()
    assert progress.n == count
    return stream.getvalue()


def test_a_log_file_gets_no_line_of_short_work(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, terminal=False) == ""


def test_a_log_file_gets_a_rare_line_of_long_work(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 10**6, 7))  # each look is 7 s later than the one before
    monkeypatch.setattr("tqdm.std.time", lambda: float(next(clock)))
    text = shown(monkeypatch, terminal=False, count=200)
    assert 5 < text.count("work:") < 50


def test_a_terminal_sees_it_move(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, terminal=True).count("work:") > 400
    assert [list(bars.bar(range(3)))] == [[0, 1, 2]]
