"""Images as text, and how many of them a page takes."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from headrace.train.reporting.pictures import Budget
from tests.builders import photo


def test_a_picture_is_a_jpeg_of_the_asked_size() -> None:
    budget = Budget(100_000)
    taken = budget.take(photo(0, 100, 300), 60)
    assert taken is not None
    uri, width, height = taken
    assert (width, height) == (60, 20) and budget.left == 100_000 - len(uri)
    kind, _, data = uri.partition(",")
    assert kind == "data:image/jpeg;base64"
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    assert image.size == (60, 20) and image.format == "JPEG"


def test_small_ones_stay_and_an_empty_budget_gives_none() -> None:
    taken = Budget().take(np.zeros((8, 9, 3), np.uint8), 200)
    assert taken is not None and taken[1:] == (9, 8)
    small = Budget(10)
    assert small.take(photo(0, 50, 50), 50) is None and small.left == 10
