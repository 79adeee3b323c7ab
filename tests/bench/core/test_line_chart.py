"""Names beside lines."""

from __future__ import annotations

import pytest

from headrace.bench.core.line_chart import apart


def test_names_that_would_meet_are_moved_up() -> None:
    assert apart([8000, 306, 287, 100], 1.25) == pytest.approx([8000, 358.75, 287, 100])
    assert apart([5.0, 5.0, 5.0], 2) == [5, 10, 20]
    assert apart([]) == []
