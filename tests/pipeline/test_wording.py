"""What others say, in one line."""

from __future__ import annotations

from headrace.pipeline.wording import one_line


def test_an_error_is_one_line_and_no_longer_than_asked() -> None:
    assert one_line(ValueError("a\n  b\t c ")) == "a b c"
    assert one_line(ValueError("a\nbc"), 3) == "a b"
    assert one_line(ValueError(" \n")) == ""
