"""The reference decoder: libjpeg's pixels of every kind of JPEG, and which files it refuses."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from headrace.bench.studies.jpeg_kinds import broken_kinds, odd_kinds, picture, sound_kinds
from headrace.pipeline.jpeg_header import jpeg_size
from headrace.pipeline.pixels import decode_any_rgb, decode_jpeg_rgb, decode_jpeg_upright
from tests.builders import jpeg_bytes

PAINTED_OVER = ("damaged in the middle", "ends too early", "progressive, scans missing")
"""Kinds of damage that libjpeg fills up with something."""
READ = sound_kinds() | odd_kinds() | {kind: broken_kinds()[kind] for kind in PAINTED_OVER}
REFUSED = {kind: data for kind, data in broken_kinds().items() if kind not in PAINTED_OVER}
CMYK = [kind for kind in READ if "CMYK" in kind or "YCCK" in kind]


def read_only(data: bytes) -> np.ndarray:
    """As a record's bytes lie in the map."""
    return np.frombuffer(data, np.uint8)


@pytest.mark.parametrize("kind", READ)
def test_pixels_are_those_of_libjpeg_as_stored(kind: str) -> None:
    """PIL goes by libjpeg's own interface, which gives RGB of everything but inks."""
    found = decode_jpeg_rgb(read_only(READ[kind]))
    assert found.dtype == np.uint8 and found.flags.c_contiguous
    assert np.array_equal(found, np.array(Image.open(io.BytesIO(READ[kind])).convert("RGB")))


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("clear", [0, 1])
def test_the_gray_that_is_seen_through_counts_in_the_files_own_levels(
    bits: int, clear: int
) -> None:
    levels = np.arange(8, dtype=np.uint8) % 2 ** min(bits, 3)
    packed = np.packbits(np.unpackbits(levels[:, None], axis=1)[:, 8 - bits :])
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", 8, 1, bits, 0, 0, 0, 0)),
        (b"tRNS", struct.pack(">H", clear)),
        (b"IDAT", zlib.compress(b"\0" + packed.tobytes())),
        (b"IEND", b""),
    ]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
    expected = np.where(levels == clear, 255, levels.astype(int) * 255 // (2**bits - 1))
    assert decode_any_rgb(read_only(data))[0, :, 0].tolist() == expected.tolist()


@pytest.mark.parametrize("opaque", [0, 5])
@pytest.mark.parametrize("form", ["TGA", "PNG"])
def test_a_fourth_byte_that_is_always_0_is_no_transparency(form: str, opaque: int) -> None:
    """In a TGA it may stand for nothing; a PNG says that it means transparency."""
    pixels = picture()
    alpha = np.zeros(pixels.shape[:2], np.uint8)
    alpha[0, :opaque] = 255
    file = io.BytesIO()
    Image.fromarray(np.dstack([pixels, alpha])).save(file, form)
    seen = alpha[..., None] > 0 if opaque or form == "PNG" else True
    assert np.array_equal(decode_any_rgb(read_only(file.getvalue())), np.where(seen, pixels, 255))


@pytest.mark.parametrize("kind", CMYK)
def test_inks_are_multiplied_and_rounded(kind: str) -> None:
    """As torchvision and PIL do it, a value being black times colour in parts of 255."""
    inks = simplejpeg.decode_jpeg(READ[kind], "CMYK").astype(np.int64)
    expected = inks[..., 3:] - np.rint((255 - inks[..., :3]) * inks[..., 3:] / 255)
    assert np.array_equal(decode_jpeg_rgb(read_only(READ[kind])), expected)


@pytest.mark.parametrize("kind", REFUSED)
def test_what_has_no_end_or_no_sense_is_refused(kind: str) -> None:
    with pytest.raises(ValueError) as caught:
        decode_jpeg_rgb(read_only(REFUSED[kind]))
    assert str(caught.value) and "\n" not in str(caught.value)
    assert "tj" not in str(caught.value)


def test_both_decoders_reasons_are_told() -> None:
    with pytest.raises(ValueError, match=r"^Premature end of JPEG file; PIL: \w+"):
        decode_jpeg_rgb(read_only(REFUSED["cut off"]))


def test_nothing_is_no_jpeg() -> None:
    with pytest.raises(ValueError):
        decode_jpeg_rgb(read_only(b""))


def test_a_packed_file_needs_an_end_and_a_folder_s_only_its_pixels() -> None:
    """Of some files without an end PIL has all lines, by how the bits of the last block lie."""
    shown = 0
    for side in range(20, 45):
        endless = jpeg_bytes(picture()[:side, :side], "gray")[:-2]
        with pytest.raises(ValueError, match="Premature end of JPEG file"):
            decode_jpeg_rgb(read_only(endless))
        try:
            expected = np.array(Image.open(io.BytesIO(endless)).convert("RGB"))
        except OSError:
            continue
        shown += 1
        assert np.array_equal(decode_jpeg_upright(read_only(endless)), expected)
    assert shown


def test_a_segment_that_leads_beyond_the_end_is_an_end_too_early() -> None:
    """In the last block, so that PIL has all lines."""
    whole = jpeg_bytes(picture()[:16, :16], "gray")
    data = whole[:-3] + b"\xff\xe7\xff\x00" + whole[-2:]
    assert Image.open(io.BytesIO(data)).convert("RGB").size == (16, 16)
    with pytest.raises(ValueError, match="PIL: broken data stream"):
        decode_jpeg_rgb(read_only(data))


def test_an_image_behind_an_end_is_not_taken() -> None:
    """PIL reads on where libjpeg finds no image; a table of sizes knows of the first frame only."""
    small, large = jpeg_bytes(picture()[:8, :8]), jpeg_bytes(picture())
    data = small[: small.index(b"\xff\xda")] + b"\xff\xd9" + large
    assert Image.open(io.BytesIO(data)).size == picture().shape[1::-1]
    with pytest.raises(ValueError, match="PIL: its header says nothing certain of its size"):
        decode_jpeg_rgb(read_only(data))


def test_a_folder_s_files_are_turned() -> None:
    data = READ["turned by EXIF"]
    stored = decode_jpeg_rgb(read_only(data))
    assert np.array_equal(decode_jpeg_upright(read_only(data)), np.rot90(stored, -1))


@given(st.data())
def test_a_cut_file_is_never_taken(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(sound_kinds())))
    whole = READ[kind]
    with pytest.raises(ValueError):
        decode_jpeg_rgb(read_only(whole[: data.draw(st.integers(0, len(whole) - 1))]))


def test_a_cut_adobe_segment_is_no_adobe_segment() -> None:
    whole = READ["CMYK"]
    for length in range(whole.index(b"Adobe"), whole.index(b"Adobe") + 20):
        with pytest.raises(ValueError):
            decode_jpeg_rgb(read_only(whole[:length]))
        assert jpeg_size(read_only(whole[:length]), upright=True) is None


def test_bytes_are_left_as_they_are(tmp_path: Path) -> None:
    """A map is read-only; a decoder that wrote to it would end the process."""
    for kind, data in READ.items():
        path = tmp_path / "a.jpg"
        path.write_bytes(data)
        mapped = np.memmap(path, np.uint8, "r")
        decode_jpeg_rgb(mapped)
        assert bytes(mapped) == data, kind
