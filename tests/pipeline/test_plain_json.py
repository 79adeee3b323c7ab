"""JSON that others wrote: whatever is wrong with it is one kind of error."""

from __future__ import annotations

import pytest

from headrace.pipeline.plain_json import read_json


@pytest.mark.parametrize(
    "text", ["", "{", "[" * 100_000, '{"a":' * 100_000, b"\xff", "9" * 5000, '{"a": 1} 2']
)
def test_whatever_is_wrong_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError):
        read_json(text)


def test_what_json_says() -> None:
    assert read_json(b'{"a": [1, null]}') == {"a": [1, None]}
