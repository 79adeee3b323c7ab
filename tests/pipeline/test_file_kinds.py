"""What a file is: by its extension, else by its first bytes."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from headrace.pipeline import file_kinds
from headrace.pipeline.file_kinds import EXTENSIONS, HEAD_BYTES, file_kind
from headrace.pipeline.pil_image import read_picture
from tests.builders import photo

WRITTEN = {
    "AVIF": "AVIF", "BLP": "BLP", "BMP": "BMP", "DDS": "DDS", "DIB": "BMP", "GIF": "GIF",
    "ICNS": "ICNS", "ICO": "ICO", "IM": "IM", "JPEG": "JPEG", "JPEG2000": "JPEG 2000",
    "MPO": "JPEG", "PCX": "PCX", "PNG": "PNG", "PPM": "PNM", "QOI": "QOI", "SGI": "SGI",
    "TIFF": "TIFF", "WEBP": "WebP",
}  # fmt: skip
"""What PIL calls a format it writes, and what we call it."""


def never() -> bytes:
    raise AssertionError("a known extension needs no look inside")


@pytest.mark.parametrize("form", WRITTEN)
def test_a_file_without_extension_is_told_by_its_first_bytes(form: str) -> None:
    Image.init()
    if form not in Image.SAVE:
        pytest.skip("this PIL does not write it")
    file, image = io.BytesIO(), Image.fromarray(photo(1, 64, 64))
    (image.convert("P") if form == "BLP" else image).save(file, form)
    head = file.getvalue()[:HEAD_BYTES]
    for name in ("n01440764_10", "image.v2", "x.unheard-of"):
        kind = file_kind(name, lambda: head)
        assert (kind.title, kind.obstacle) == (WRITTEN[form], None)


@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_netpbm_files_are_told_by_content(mode: str) -> None:
    file = io.BytesIO()
    Image.fromarray(photo(1, 8, 8)).convert(mode).save(file, "PPM")
    assert file_kind("x", file.getvalue).title == "PNM"


@pytest.mark.parametrize("extension", sorted(EXTENSIONS))
def test_a_known_extension_is_believed(extension: str) -> None:
    assert file_kind(f"x.{extension.upper()}", never).obstacle is None


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"P1 is the first parameter",
        b"BMW, VW and others are listed in this file, as they are",
        b"GIF is a format",
        b"path,label\n1.jpg,0\n",
        b"\n\n\nsome text after empty lines",
        b"\x7fELF\x02\x01\x01" + bytes(50),
        bytes(64),
        b"RIFF\x24\0\0\0WAVEfmt ",
        b"....ftypisom" + bytes(40),
        b"#define VERSION 3\n",
    ],
)
def test_what_is_none_is_called_by_its_extension(head: bytes) -> None:
    kind = file_kind("notes", lambda: head)
    assert kind.title == "no extension" and "not an image" in str(kind.obstacle)
    assert file_kind("notes.strange", lambda: head).title == ".strange"


@pytest.mark.parametrize("extension", ["pcd", "imt", "spider", "spi"])
def test_formats_without_a_signature_are_told_by_extension(extension: str) -> None:
    assert file_kind(f"x.{extension}", never).obstacle is None


def test_weather_satellites_are_told_by_first_bytes() -> None:
    assert file_kind("x.ara", lambda: b"\0\0\0\0\0\0\0\4" + bytes(56)).title == "McIDAS"


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("labels.csv", "not an image"),
        ("x.NEF", "camera's sensor: convert it first"),
        ("x.mp4", "a video"),
        ("x.zip", "unpack it first"),
        ("x.svg", "convert it first"),
        ("x.exr", "convert it first"),
        ("x.fits", "no known range"),
        ("x.fpx", "of a format that is not read"),
    ],
)
def test_known_others_are_not_opened(name: str, advice: str) -> None:
    assert advice in str(file_kind(name, never).obstacle)


def test_what_needs_a_missing_package_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_kinds, "find_spec", lambda name: None)
    file_kinds._missing_package.cache_clear()
    heads = {"heic": b"\0\0\0\x18ftypheic", "general": b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic"}
    try:
        assert "headrace[heif]" in str(file_kind("IMG_1.HEIC", never).obstacle)
        for head in heads.values():
            kind = file_kind("IMG_1", lambda head=head: head)  # type: ignore[misc]
            assert kind.title == "HEIC" and "pillow-heif" in str(kind.obstacle)
            with pytest.raises(ValueError, match=r"HEIC needs pillow-heif"):
                read_picture(head + bytes(100))  # as of a phone's IMG_1.JPG that is none
        assert "pillow-jxl-plugin" in str(file_kind("x.jxl", never).obstacle)
        assert file_kind("x", lambda: b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif").title == "AVIF"
    finally:
        file_kinds._missing_package.cache_clear()
