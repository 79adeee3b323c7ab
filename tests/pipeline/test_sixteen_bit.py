"""16-bit files: one scale for all of them, in the folder as in the packed file."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from PIL import Image

from headrace.pipeline.errors import BadImageError
from headrace.pipeline.jpeg_header import parse_jpeg_header
from headrace.pipeline.pil_image import read_picture
from headrace.pipeline.records import Records
from headrace.tools.pack import main
from headrace.tools.packing.encode import EncodeConfig, encode_sample

Depth = Literal[10, 12, 14, 16]


def png(values: np.ndarray, clear: Sequence[int] = ()) -> bytes:
    """A 16-bit PNG, which PIL does not write: (H, W) gray, or (H, W, 3) or (H, W, 4) colours.

    `clear` is the one value or colour that is seen through.
    """
    colour_type = {2: 0, 3: 2, 4: 6}[values.ndim if values.ndim == 2 else values.shape[2]]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 16, colour_type, 0, 0, 0)
    key = [(b"tRNS", struct.pack(f">{len(clear)}H", *clear))] if clear else []
    chunks = [(b"IHDR", header), *key, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def pgm(values: np.ndarray, highest: int) -> bytes:
    head = f"P5 {values.shape[1]} {values.shape[0]} {highest}\n".encode()
    return head + values.astype(">u2").tobytes()


def tiff(values: np.ndarray, **options: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(values).save(file, "TIFF", **options)
    return file.getvalue()


def signed_tiff(values: np.ndarray, compression: str) -> bytes:
    """A TIFF that says that its pixels are signed."""
    file, sample_format = io.BytesIO(), 339
    image = Image.fromarray(values)
    image.save(file, "TIFF", compression=compression, tiffinfo={sample_format: 2})
    return file.getvalue()


def raw_tiff(values: np.ndarray, order: str) -> bytes:
    """An uncompressed (H, W, 3) TIFF, which PIL does not write."""
    height, width = values.shape[:2]
    pixels = values.astype(order + "u2").tobytes()
    bits = struct.pack(order + "HHH", 16, 16, 16)
    entries = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 3, 8), (259, 3, 1, 1), (262, 3, 1, 2),
        (273, 4, 1, 14), (277, 3, 1, 3), (278, 4, 1, height), (279, 4, 1, len(pixels)),
    ]  # fmt: skip
    body = b""
    for tag, kind, count, value in entries:
        inline = struct.pack(order + ("HH" if kind == 3 and count == 1 else "I"),
                             *((value, 0) if kind == 3 and count == 1 else (value,)))  # fmt: skip
        body += struct.pack(order + "HHI", tag, kind, count) + inline
    mark = b"II*\0" if order == "<" else b"MM\0*"
    directory = struct.pack(order + "H", len(entries)) + body + bytes(4)
    return mark + struct.pack(order + "I", 14 + len(pixels)) + bits + pixels + directory


def ramp(highest: int, shape: tuple[int, ...] = (6, 80)) -> np.ndarray:
    return np.linspace(0, highest, int(np.prod(shape))).astype(np.uint16).reshape(shape)


def pixels(data: bytes, depth: int = 16) -> np.ndarray:
    return read_picture(data, depth=depth).pixels


@pytest.mark.parametrize("highest", [200, 255, 256, 300, 4095, 65535])
def test_a_value_has_one_brightness_whatever_the_file_holds(highest: int) -> None:
    values = ramp(highest)
    for data in (png(values), tiff(values), tiff(values, compression="tiff_lzw"),
                 pgm(values, 65535)):  # fmt: skip
        assert np.array_equal(pixels(data)[..., 0], np.rint(values / 257).astype(np.uint8))


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
@pytest.mark.parametrize("depth", [12, 16])
def test_a_tiff_whose_zero_is_white_is_shown_so(compression: str, depth: Depth) -> None:
    """As one of 8 bits, which PIL turns round itself."""
    highest = (1 << depth) - 1
    values = ramp(highest)
    photometric = struct.Struct("<HHIHH")
    data = tiff(highest - values, compression=compression)
    assert data.count(photometric.pack(262, 3, 1, 1, 0)) == 1
    data = data.replace(photometric.pack(262, 3, 1, 1, 0), photometric.pack(262, 3, 1, 0, 0))
    expected = 255 - np.rint((highest - values) / highest * 255)
    assert np.array_equal(pixels(data, depth)[..., 0], expected)


@pytest.mark.parametrize("channels", [3, 4])
def test_colours_have_the_same_scale_as_gray(channels: int) -> None:
    values = ramp(4095, (5, 40, channels))
    if channels == 4:
        values[..., 3] = 4095
    expected = np.rint(values[..., :3] / 4095 * 255)
    assert np.array_equal(pixels(png(values), 12), expected)
    if channels == 3:
        assert np.array_equal(pixels(png(values)), np.rint(values / 257))
        for order in "<>":
            assert np.array_equal(pixels(raw_tiff(values, order), 12), expected)


@pytest.mark.parametrize("depth", [10, 12, 14])
def test_the_depth_that_is_said_is_white(depth: Depth) -> None:
    values = ramp((1 << depth) - 1)
    for data in (png(values), tiff(values)):
        found = pixels(data, depth)[..., 0]
        assert found.max() == 255
        assert np.array_equal(found, np.rint(values / values.max() * 255).astype(np.uint8))


@pytest.mark.parametrize("clear", [(20_000,), (20_000, 30_000, 1)])
@pytest.mark.parametrize("depth", [14, 16])
def test_the_value_that_is_seen_through_is_white(clear: tuple[int, ...], depth: Depth) -> None:
    values = np.array([clear, [1] * len(clear), [20_000 >> 8] * len(clear)], np.uint16)[None]
    values = values if len(clear) == 3 else values[..., 0]
    values = (values >> 16 - depth).astype(np.uint16)
    clear = tuple(value >> 16 - depth for value in clear)
    found, opaque = pixels(png(values, clear), depth), pixels(png(values), depth)
    assert (found[0, 0] == 255).all()
    assert (found[0, 1:] == opaque[0, 1:]).all()


def test_a_pnm_says_its_own_white() -> None:
    values = ramp(4095)
    for depth in (12, 16):
        found = pixels(pgm(values, 4095), depth)[..., 0].astype(int)
        assert np.abs(found - values / 4095 * 255).max() <= 1


def test_a_value_beyond_the_depth_refuses_the_file() -> None:
    with pytest.raises(ValueError, match="holds 5000, which does not fit in the 12 bits"):
        pixels(png(ramp(5000)), 12)
    config = EncodeConfig(depth=12)
    with pytest.raises(BadImageError, match="--depth 12"):
        encode_sample(png(ramp(5000)), config, want_moments=False)


def test_numbers_of_no_known_range_are_refused() -> None:
    with pytest.raises(ValueError, match="floating-point numbers, of no known range"):
        pixels(tiff(np.linspace(0, 1, 60, dtype=np.float32).reshape(6, 10)))
    with pytest.raises(ValueError, match="from 0 to 70000, of no known range"):
        pixels(tiff(np.linspace(0, 70000, 60).astype(np.int32).reshape(6, 10)))


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
def test_signed_integers_are_refused_where_no_depth_says_what_is_white(compression: str) -> None:
    for kind in (np.uint8, np.uint16):
        values = np.linspace(0, 120, 60).astype(kind).reshape(6, 10)
        with pytest.raises(ValueError, match="signed integers, of no known range: save it unsign"):
            pixels(signed_tiff(values, compression))
    found = read_picture(signed_tiff(ramp(4095), compression), depth=12)
    assert found.peak == 4095
    assert np.array_equal(found.pixels[..., 0], np.rint(ramp(4095) / 4095 * 255))


def test_folder_and_packed_file_agree_and_the_summary_says_the_scale(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "in" / "a"
    folder.mkdir(parents=True)
    files = {"gray.png": png(ramp(4000)), "rgb.png": png(ramp(3000, (6, 50, 3))),
             "x.tif": tiff(ramp(2000)), "y.pgm": pgm(ramp(1000), 1023)}  # fmt: skip
    for name, data in files.items():
        (folder / name).write_bytes(data)
    out = tmp_path / "o.beton"
    assert main([str(tmp_path / "in"), str(out), "--format", "raw"]) == 0
    said = capsys.readouterr().out
    assert "16-bit images: 3, scaled by 1/257; the highest value is 4000 (--depth 12 if" in said
    with Records.open(tmp_path / "in") as source, Records.open(out) as packed:
        assert len(source) == len(packed) == 4
        for i in range(4):
            assert np.array_equal(source.decode(i), packed.decode(i))
    assert main([str(tmp_path / "in"), str(out), "--depth", "12", "--force"]) == 0
    assert "scaled by 1/16.06" in capsys.readouterr().out


def test_an_eight_bit_file_has_no_peak() -> None:
    file = io.BytesIO()
    Image.new("RGB", (9, 9)).save(file, "PNG")
    assert read_picture(file.getvalue()).peak is None
    assert parse_jpeg_header(file.getvalue()) is None
    assert read_picture(png(ramp(777))).peak == 777
