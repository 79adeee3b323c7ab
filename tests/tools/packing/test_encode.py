"""What is stored losslessly, how much chroma is kept, and what settings refuse."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from headrace.pipeline.containers.beton import MODE_JPEG, MODE_RAW
from headrace.pipeline.errors import BadImageError, ConfigError
from headrace.pipeline.jpeg_header import parse_jpeg_header
from headrace.tools.packing.encode import SMALL_SIDE_PX, EncodeConfig, Encoded, encode_sample
from tests.builders import jpeg_bytes, photo


def file_of(image: np.ndarray, form: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, form, **options)
    return file.getvalue()


def encoded(data: bytes, *, holds_raw: bool = True, **settings: object) -> Encoded:
    config = EncodeConfig(**settings)  # type: ignore[arg-type]
    return encode_sample(data, config, want_moments=False, holds_raw=holds_raw)


@pytest.mark.parametrize("form", ["PNG", "BMP", "GIF", "TIFF", "PPM"])
def test_small_images_are_stored_losslessly(form: str) -> None:
    image = np.asarray(Image.fromarray(photo(1, 32, 64)).quantize(64).convert("RGB"))
    sample = encoded(file_of(image, form))
    assert sample.mode == MODE_RAW and "not a JPEG; small, losslessly" in str(sample.why)
    assert np.array_equal(np.frombuffer(sample.data, np.uint8).reshape(32, 64, 3), image)


def test_the_longer_stored_side_decides() -> None:
    assert encoded(file_of(photo(1, 20, SMALL_SIDE_PX))).mode == MODE_RAW
    assert encoded(file_of(photo(1, 20, SMALL_SIDE_PX + 1))).mode == MODE_JPEG
    assert encoded(file_of(photo(1, 90, 200)), max_side=40).mode == MODE_RAW


def test_small_jpegs_stay_what_they_are_unless_they_must_be_turned() -> None:
    data = jpeg_bytes(photo(1, 32, 48))
    assert encoded(data).why is None
    exif = Image.Exif()
    exif[0x112] = 6
    turned = encoded(file_of(photo(1, 32, 48), "JPEG", exif=exif))
    assert turned.mode == MODE_RAW and (turned.width, turned.height) == (32, 48)
    assert encoded(data, reencode=True).mode == MODE_JPEG
    assert encoded(jpeg_bytes(photo(1, 300, 200)), max_side=48).mode == MODE_JPEG


def test_always_and_never() -> None:
    small, large = file_of(photo(1, 24, 24)), file_of(photo(2, 100, 140))
    assert encoded(small, lossless="never").mode == MODE_JPEG
    sample = encoded(large, lossless="always")
    assert sample.mode == MODE_RAW and len(sample.data) == 3 * 100 * 140
    assert encoded(jpeg_bytes(photo(1, 100, 140)), lossless="always").why is None


def test_shards_hold_the_best_jpeg_of_a_small_image() -> None:
    image = photo(1, 32, 32)
    sample = encoded(file_of(image), holds_raw=False)
    assert sample.mode == MODE_JPEG and "small, at quality 100" in str(sample.why)
    difference = simplejpeg.decode_jpeg(bytes(sample.data)).astype(int) - image
    assert np.abs(difference).max() <= 4


@pytest.mark.parametrize(("subsampling", "luma"), [("420", 0x22), ("422", 0x21), ("444", 0x11)])
def test_chroma_is_subsampled_as_asked(subsampling: str, luma: int) -> None:
    sample = encoded(file_of(photo(1, 100, 140)), subsampling=subsampling)
    header = parse_jpeg_header(bytes(sample.data))
    assert header is not None and header.components[0][1] == luma and header.is_plain


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lossless": "sometimes"}, "lossless 'sometimes': expected auto, always or never"),
        ({"subsampling": "411"}, "subsampling '411': expected 420, 422 or 444"),
        ({"truncated": "fill"}, "truncated 'fill': expected skip or keep"),
        ({"depth": 8}, "depth 8: expected 10, 12, 14 or 16"),
        ({"quality": 0}, "quality 0"),
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        EncodeConfig(**settings)  # type: ignore[arg-type]


def announcing(height: int, width: int) -> bytes:
    """A small JPEG whose header announces another size."""
    data = jpeg_bytes(photo(1, 40, 40))
    frame = data.index(b"\xff\xc0")
    return data[: frame + 5] + struct.pack(">HH", height, width) + data[frame + 9 :]


@pytest.mark.parametrize("verify", ["full", "header"])
def test_a_size_that_the_bytes_cannot_be_is_not_believed(verify: str) -> None:
    """To decode it would take 12 GB."""
    for max_side in (0, 512):
        with pytest.raises(BadImageError, match="cannot be the 65535x65534 pixels that its header"):
            encoded(announcing(65534, 65535), max_side=max_side, verify=verify)


def test_more_pixels_than_allowed_are_left_out() -> None:
    small, large = jpeg_bytes(photo(1, 100, 100)), jpeg_bytes(photo(1, 100, 101))
    for form in (lambda data: data, lambda data: file_of(np.asarray(Image.open(io.BytesIO(data))))):
        assert encoded(form(small), max_pixels=10_000).width == 100
        with pytest.raises(BadImageError, match="101x100 pixels are more than 10000, see --max-pi"):
            encoded(form(large), max_pixels=10_000)
    assert encoded(large, max_pixels=10_000, max_side=50).width == 50, "halved as it is decoded"
    with pytest.raises(ConfigError, match="max pixels 0: expected 1 to"):
        EncodeConfig(max_pixels=0)
