"""Which decoder reads what: libjpeg-turbo, then PIL, then nobody, with both reasons."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFile

from headrace.bench.studies.odd_jpegs import ODD_SAMPLINGS
from headrace.pipeline.containers.beton import MODE_JPEG, MODE_RAW
from headrace.pipeline.errors import BadImageError
from headrace.pipeline.records import Records
from headrace.tools.info import main as info
from headrace.tools.pack import main as pack
from headrace.tools.packing.decode import check_jpeg
from headrace.tools.packing.encode import EncodeConfig, Encoded, encode_sample
from headrace.tools.packing.mend_jpeg import mend_jpeg
from tests.builders import jpeg_bytes, photo

HEIGHT, WIDTH = 80, 120
GOOD = jpeg_bytes(photo(1, HEIGHT, WIDTH))
EXACT = EncodeConfig(format="raw")


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def after_start(addition: bytes) -> bytes:
    return GOOD[:2] + addition + GOOD[2:]


def before_end(addition: bytes) -> bytes:
    return GOOD[:-2] + addition + GOOD[-2:]


def jfif_0_00() -> bytes:
    place = GOOD.index(b"JFIF\0") + 5
    return GOOD[:place] + b"\0\0" + GOOD[place + 2 :]


def samsung() -> bytes:
    place = GOOD.index(b"\xff\xda")
    (length,) = struct.unpack(">H", GOOD[place + 2 : place + 4])
    end = place + 2 + length
    return GOOD[: end - 3] + b"\0\0\0" + GOOD[end:]


HEADERS: dict[str, Callable[[], bytes]] = {
    "JFIF 0.00": jfif_0_00,
    "SOS of zeros": samsung,
    "incomplete ICC": lambda: after_start(segment(0xE2, b"ICC_PROFILE\0\1\2" + bytes(64))),
    "ICC twice": lambda: after_start(2 * segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(64))),
    "stray bytes": lambda: after_start(segment(0xFE, b"hello") + b"\0abc"),
    "unknown Adobe transform": lambda: (
        GOOD[:2] + segment(0xEE, b"Adobe\0d\0\0\0\0\3") + GOOD[20:]  # JFIF would outrank it
    ),
    "end of image left away": lambda: GOOD[:-2],
}
"""Faults that change no pixel."""


def as_pil_shows(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.array(image.convert("RGB"))


def pixels(sample: Encoded) -> np.ndarray:
    assert sample.mode == MODE_RAW
    return np.frombuffer(sample.data, np.uint8).reshape(sample.height, sample.width, 3)


def encoded(data: bytes, **settings: object) -> Encoded:
    return encode_sample(data, EncodeConfig(**settings), want_moments=False)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", HEADERS)
def test_a_fault_of_the_header_costs_neither_the_image_nor_a_bit_of_it(name: str) -> None:
    data = HEADERS[name]()
    if name != "stray bytes":
        try:
            check_jpeg(data)
        except BadImageError:
            pass
        else:
            pytest.skip("this Pillow reads it as it is")
    for want_moments in (False, True):
        sample = encode_sample(data, EncodeConfig(), want_moments)
        assert sample.mode == MODE_JPEG and sample.how.startswith("stored mended, image data as")
        check_jpeg(bytes(sample.data))
        scan = GOOD.index(b"\xff\xda")
        assert bytes(sample.data).endswith(GOOD[scan + 14 :])
        assert np.array_equal(as_pil_shows(bytes(sample.data)), as_pil_shows(GOOD))
    assert np.array_equal(pixels(encoded(data, format="raw")), as_pil_shows(GOOD))


@pytest.mark.parametrize("name", ODD_SAMPLINGS)
def test_odd_samplings_are_packed_with_pils_pixels(name: str, tmp_path: Path) -> None:
    data = ODD_SAMPLINGS[name]
    sample = encoded(data)
    assert sample.mode == MODE_RAW and "decoded by PIL" in str(sample.why)  # small, so raw
    assert np.array_equal(pixels(sample), as_pil_shows(data))
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.jpg").write_bytes(data)
    with Records.open(tmp_path) as records:
        assert np.abs(records.decode(0).astype(int) - as_pil_shows(data)).max() <= 1


@pytest.mark.parametrize("behind", [b"", GOOD, b"\xff\xda\xff\xd9"])
def test_stray_bytes_behind_the_last_block_are_cut_off(behind: bytes) -> None:
    for stray in (b"\0\1\2\3", bytes(200), b"\x55\xaa" * 7):
        sample = encoded(before_end(stray) + behind)
        assert np.array_equal(as_pil_shows(bytes(sample.data)), as_pil_shows(GOOD))
        assert "extraneous bytes before marker 0xd9" in str(sample.why)
        check_jpeg(bytes(sample.data))
        assert sample.is_mended
    raw = encoded(before_end(b"\0\1\2"), format="raw")
    assert np.array_equal(pixels(raw), as_pil_shows(GOOD))


def test_a_decoder_out_of_step_leaves_bytes_over_too_and_that_is_damage() -> None:
    """One in four ends by chance as a writer ends, and is packed as PIL shows it."""
    rng = np.random.default_rng(2)
    warned = kept = 0
    for number in range(60):
        good = jpeg_bytes(photo(number, 60, 50 + number), "420", 80)
        for place in rng.integers(good.index(b"\xff\xda") + 14, len(good) - 2, 4):
            data = bytearray(good)
            data[place] ^= 1 << int(rng.integers(8))
            try:
                check_jpeg(bytes(data))
                continue
            except BadImageError as error:
                if "extraneous bytes before marker 0xd9" not in str(error):
                    continue
            warned += 1
            try:
                encoded(bytes(data))
                kept += 1
            except BadImageError as refused:
                assert "PIL paints something over it" in str(refused)
    assert warned > 20 and kept < warned / 2


def test_a_turned_jpeg_with_a_fault_is_still_turned() -> None:
    exif = b"Exif\0\0II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x112, 3, 1, 6, 0, 0)
    data = jfif_0_00()
    data = data[:2] + segment(0xE1, exif) + data[2:]
    sample = encoded(data, format="raw")
    assert np.array_equal(pixels(sample), np.rot90(as_pil_shows(GOOD), -1))


def cut() -> bytes:
    return GOOD[: len(GOOD) // 2]


def painted_over() -> bytes:
    """The second half of the image data is gone, its end is there."""
    return cut() + b"\xff\xd9"


def cut_png() -> bytes:
    file = io.BytesIO()
    Image.fromarray(photo(1, HEIGHT, WIDTH)).save(file, "PNG")
    return file.getvalue()[: len(file.getvalue()) // 2]


def test_damage_is_skipped_with_both_reasons_and_the_way_out() -> None:
    with pytest.raises(BadImageError) as caught:
        encoded(cut())
    assert str(caught.value).startswith("Premature end of JPEG file; PIL: image file is truncated")
    assert "--truncated keep" in str(caught.value)
    with pytest.raises(BadImageError, match="premature end of data segment; PIL paints something"):
        encoded(painted_over())
    with pytest.raises(BadImageError, match=r"image file is truncated.* \(--truncated keep"):
        encoded(cut_png())
    # A harmless warning before it does not hide damage: libjpeg tells only its first.
    hidden = jfif_0_00()
    with pytest.raises(BadImageError, match="premature end of data segment; PIL paints"):
        encoded(hidden[: len(hidden) // 2] + b"\xff\xd9")


@pytest.mark.parametrize("damaged", [cut, painted_over, cut_png])
def test_damage_is_kept_as_pil_shows_it_where_asked(
    damaged: Callable[[], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = damaged()
    sample = encoded(data, format="raw", truncated="keep")
    assert not ImageFile.LOAD_TRUNCATED_IMAGES
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    assert np.array_equal(pixels(sample), as_pil_shows(data))
    whole = as_pil_shows(GOOD)
    assert np.abs(pixels(sample)[:20].astype(int) - whole[:20]).mean() < 10
    stored = encoded(data, truncated="keep")
    assert stored.mode == MODE_JPEG
    check_jpeg(bytes(stored.data))


def test_what_nobody_reads_is_refused() -> None:
    with pytest.raises(BadImageError, match="not an image of a known format"):
        encoded(b"nothing of that kind")
    with pytest.raises(BadImageError, match="empty"):
        encoded(b"")


def test_mending_gives_up_on_what_has_no_header() -> None:
    for data in (b"", b"\xff\xd8", GOOD[:100], b"\xff\xd8\xff\xd9", b"\xff\xd8" + bytes(99)):
        assert mend_jpeg(data) is None
    mended = mend_jpeg(GOOD)
    assert mended is not None and np.array_equal(as_pil_shows(mended), as_pil_shows(GOOD))


def test_verification_of_a_file_packed_unverified_knows_harmless_warnings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "in" / "a"
    folder.mkdir(parents=True)
    for i in range(300):  # of which most are not measured
        (folder / f"{i}.jpg").write_bytes(jfif_0_00())
    (folder / "odd.jpg").write_bytes(ODD_SAMPLINGS["4:1:0"])
    exif = Image.Exif()
    exif[0x112] = 6
    Image.fromarray(photo(2, 40, 90)).save(folder / "turned.jpg", exif=exif)
    out = tmp_path / "o.beton"
    assert pack([str(tmp_path / "in"), str(out), "--verify", "header"]) == 0
    assert info([str(out), "--verify"]) == 0
    assert info([str(tmp_path / "in"), "--verify"]) == 0
    assert "302 images, 0 problems" in capsys.readouterr().out


@given(st.binary(max_size=200), st.integers(0, len(GOOD)))
def test_mending_never_stumbles(noise: bytes, place: int) -> None:
    for data in (noise, b"\xff\xd8" + noise, GOOD[:place] + noise + GOOD[place + len(noise) :]):
        mended = mend_jpeg(data)
        assert mended is None or mended.startswith(b"\xff\xd8")
