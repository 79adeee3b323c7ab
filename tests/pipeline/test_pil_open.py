"""PIL's limit of pixels is the caller's own, and decides nothing here."""

import io

import pytest
from PIL import Image

from headrace.pipeline.pil_image import read_picture
from headrace.pipeline.pil_open import opened


def _png() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("limit", [1, 1000, None])
def test_a_callers_limit_refuses_no_image_and_stays(
    limit: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    assert read_picture(_png()).pixels.shape == (30, 40, 3)
    assert limit == Image.MAX_IMAGE_PIXELS


def test_the_last_of_several_puts_it_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1)
    with opened(io.BytesIO(_png())):
        with opened(io.BytesIO(_png())):
            pass
        assert Image.MAX_IMAGE_PIXELS != 1
    assert Image.MAX_IMAGE_PIXELS == 1


def test_what_a_caller_sets_meanwhile_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1)
    with opened(io.BytesIO(_png())):
        Image.MAX_IMAGE_PIXELS = 7
    assert Image.MAX_IMAGE_PIXELS == 7
