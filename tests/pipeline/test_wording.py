"""What others say, in one line."""

from __future__ import annotations

from headrace.pipeline.wording import counted, one_line


def test_an_error_is_one_line_and_no_longer_than_asked() -> None:
    assert one_line(ValueError("a\n  b\t c ")) == "a b c"
    assert one_line(ValueError("a\nbc"), 3) == "a b"
    assert one_line(ValueError(" \n")) == ""


def test_one_is_no_plural() -> None:
    said = [counted(number, noun) for noun in ("image", "class") for number in (0, 1, 2)]
    assert said == ["0 images", "1 image", "2 images", "0 classes", "1 class", "2 classes"]
