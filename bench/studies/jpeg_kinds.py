"""A small JPEG of every kind that folders hold: samplings, colour spaces, oddities, damage."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import simplejpeg
from PIL import Image

from headrace.bench.studies.odd_jpegs import ODD_SAMPLINGS

HEIGHT, WIDTH = 157, 203
_SAMPLINGS = {"4:4:4": "444", "4:2:2": "422", "4:2:0": "420", "4:4:0": "440", "4:1:1": "411"}


def sound_kinds() -> dict[str, bytes]:
    """Names to files in which nothing is wrong, common or not."""
    kinds = {
        name: simplejpeg.encode_jpeg(picture(), quality=92, colorsubsampling=sampling)
        for name, sampling in _SAMPLINGS.items()
    }
    cmyk = _encoded(mode="CMYK")
    return kinds | {
        "gray": _encoded(mode="L"),
        "one pixel wide": _encoded(picture()[:, :1]),
        "one pixel high": _encoded(picture()[:1]),
        "progressive": _encoded(progressive=True),
        "progressive gray": _encoded(mode="L", progressive=True),
        "restart markers": _encoded(restart_marker_blocks=3),
        "RGB by Adobe's marker": _encoded(keep_rgb=True),
        "CMYK": cmyk,
        "CMYK without Adobe's marker": without_segment(cmyk, 0xEE),
        "YCCK": with_adobe_transform(cmyk, 2),
        **ODD_SAMPLINGS,
    }


def odd_kinds() -> dict[str, bytes]:
    """Names to files whose image data are whole, and of which libjpeg warns or metadata lie."""
    plain = _encoded()
    tables, scan = plain.index(b"\xff\xdb"), plain.index(b"\xff\xda")
    spectrum = scan + struct.unpack_from(">H", plain, scan + 2)[0] - 1
    turn = Image.Exif()
    turn[0x0112] = 6
    return {
        "turned by EXIF": _encoded(exif=turn),
        "JFIF 0.00": plain.replace(b"JFIF\0\1\1", b"JFIF\0\0\0", 1),
        "no spectrum in the scan": plain[:spectrum] + bytes(3) + plain[spectrum + 3 :],
        "stray bytes before a marker": plain[:tables] + bytes(20) + plain[tables:],
        "bytes behind the end": plain + b"behind",
        "stray bytes before the end": plain[:-2] + bytes(40) + plain[-2:],
    }


def broken_kinds() -> dict[str, bytes]:
    """Names to files whose image data are not what they should be."""
    plain, progressive = _encoded(), _encoded(progressive=True)
    scan = plain.index(b"\xff\xda")
    middle = (scan + len(plain)) // 2
    return {
        "damaged in the middle": plain[:middle] + b"\x55" * 8 + plain[middle + 8 :],
        "ends too early": plain[:middle] + plain[-2:],
        "no end of image": plain[:-2],
        "cut off": plain[:middle],
        "progressive, cut off": progressive[: len(progressive) // 2],
        "progressive, scans missing": progressive[: progressive.rindex(b"\xff\xda")] + b"\xff\xd9",
        "cut off in the header": plain[: scan - 20],
        "12 bits": _with_precision(plain, 12),
        "no JPEG": b"\x89PNG\r\n\x1a\n" + plain,
    }


def all_kinds() -> dict[str, bytes]:
    """Sound, odd and broken ones, in this order."""
    return sound_kinds() | odd_kinds() | broken_kinds()


def picture() -> np.ndarray:
    """(HEIGHT, WIDTH, 3) uint8: slow waves of colour, straight edges and grain."""
    chance = np.random.default_rng(0)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    waves = [np.sin(x / 30 + turn) + np.cos(y / 25 - turn) for turn in (0.0, 2.0, 4.0)]
    pixels = 128 + 40 * np.stack(waves, 2)
    pixels[(x + 2 * y) % 90 < 30] += (60, -50, 20)
    pixels += chance.normal(0, 5, pixels.shape)
    return np.clip(pixels, 0, 255).astype(np.uint8)


def without_segment(jpeg: bytes, marker: int) -> bytes:
    """A JPEG without its first segment of a marker, given by its low byte."""
    start = jpeg.index(bytes([0xFF, marker]))
    return jpeg[:start] + jpeg[start + 2 + struct.unpack_from(">H", jpeg, start + 2)[0] :]


def with_adobe_transform(jpeg: bytes, transform: int) -> bytes:
    """A JPEG whose Adobe segment names another colour transform: 0 none, 1 YCbCr, 2 YCCK."""
    place = jpeg.index(b"Adobe", jpeg.index(b"\xff\xee")) + 11
    return jpeg[:place] + bytes([transform]) + jpeg[place + 1 :]


def _with_precision(jpeg: bytes, bits: int) -> bytes:
    frame = jpeg.index(b"\xff\xc0")
    length = jpeg[frame + 2 : frame + 4]
    return jpeg[:frame] + b"\xff\xc1" + length + bytes([bits]) + jpeg[frame + 5 :]


def _encoded(pixels: np.ndarray | None = None, mode: str = "RGB", **settings: Any) -> bytes:
    file = io.BytesIO()
    image = Image.fromarray(picture() if pixels is None else pixels)
    image.convert(mode).save(file, "JPEG", quality=92, **settings)
    return file.getvalue()
