"""16-bit pixels become 8-bit ones by one scale, whatever the highest value of a file may be.

A file's own maximum would make one brightness of a camera two in two files. The scale is the
format's: 65535 is white in PNG and TIFF, the announced maximum in PNM and JPEG 2000 (PIL stretches
those to 65535), 4095 in a TIFF of 12 bits. Only a person knows that 12 bits lie in a 16-bit file,
or what is white among signed integers.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image, ImageFile

from headrace.pipeline.pil_open import opened

DEPTHS = (10, 12, 14, 16)
_GRAY_MODES = ("I", "I;16", "I;16B", "I;16L", "I;16N")
_STRETCHED_BY_PIL = ("PPM", "JPEG2000")
_TIFF_BITS, _TIFF_PHOTOMETRIC, _TIFF_SAMPLE_FORMAT = 0x0102, 0x0106, 0x0153
_WHITE_IS_ZERO, _SIGNED = 0, (2,)
# PIL keeps the high byte of 16-bit colours. Told the other byte order, it keeps the low one.
_OTHER_ORDER = {"B": "L", "L": "B", "N": "B" if np.little_endian else "L"}
_WITH_BOTH_ORDERS = ("RGB", "RGBA", "RGBX", "CMYK")


def to_eight_bits(
    image: ImageFile.ImageFile, tiles: list[Any], data: bytes, depth: int
) -> tuple[Image.Image, int | None]:
    """Scales a 16-bit image; leaves any other as it is.

    Args:
        image: opened from `data` and loaded.
        tiles: its `tile` before it was loaded.
        data: the file.
        depth: bits that 16-bit files hold, one of DEPTHS.

    Returns:
        An image whose mode has 8 bits or fewer a channel, or is `F`; and the highest value that
        was scaled by `depth`, None where the file itself says its scale.

    Raises:
        OSError: PIL cannot decode it.
        ValueError: its values do not fit in `depth`, or have no known range.
    """
    rawmode = rawmode_of(tiles[0]) if tiles else ""
    _check_sign(image, depth)
    if image.mode in _GRAY_MODES:
        values = np.asarray(image)
    elif ";16" in rawmode:
        low = _low_bytes(tiles, rawmode, data)
        if low is None and depth == 16:
            return image, None
        if low is None:
            raise ValueError(f"PIL reads only the high bytes of {rawmode}: no --depth {depth}")
        values = np.asarray(image).astype(np.uint16) << 8 | low
    else:
        return image, None
    said = _white_of_format(image)
    scaled = _to_bytes(values, (1 << depth) - 1 if said is None else said)
    if _tiff_tag(image, _TIFF_PHOTOMETRIC) == _WHITE_IS_ZERO:
        scaled = 255 - scaled  # as PIL does with fewer bits, not with these
    mode = "L" if scaled.ndim == 2 else image.mode
    peak = int(values.max()) if said is None else None
    eight = Image.frombytes(mode, image.size, scaled.tobytes())
    clear = image.info.get("transparency")
    if isinstance(clear, (int, tuple)):  # the one value or colour of a PNG that is seen through
        seen = (values != clear).reshape(*values.shape[:2], -1).any(2)
        eight.putalpha(Image.fromarray(np.where(seen, np.uint8(255), np.uint8(0))))
    return eight, peak


def _check_sign(image: Image.Image, depth: int) -> None:
    """Refuses signed integers of 8 bits, and of 16 where no smaller depth is said.

    PIL knows a TIFF's sign of these too. What it writes of its own 32-bit images says that it is
    signed, and is none of them.
    """
    bits = _tiff_tag(image, _TIFF_BITS)
    if _tiff_tag(image, _TIFF_SAMPLE_FORMAT) == _SIGNED and (
        bits == (8,) or (bits == (16,) and depth == 16)
    ):
        raise ValueError("its pixels are signed integers, of no known range: save it unsigned")


def rawmode_of(tile: Any) -> str:
    """How PIL takes the pixels to lie in the file."""
    arguments = tile[3]
    return str(arguments if isinstance(arguments, str) else next(iter(arguments or ()), ""))


def _low_bytes(tiles: list[Any], rawmode: str, data: bytes) -> np.ndarray | None:
    """(H, W, channels) uint8, None where PIL cannot tell them."""
    colours, _, order = rawmode.partition(";16")
    if colours not in _WITH_BOTH_ORDERS or order not in _OTHER_ORDER:
        return None
    with opened(io.BytesIO(data)) as image:
        image.tile = [_with_rawmode(t, f"{colours};16{_OTHER_ORDER[order]}") for t in tiles]
        image.load()
        return np.asarray(image)


def _with_rawmode(tile: Any, rawmode: str) -> Any:
    arguments = rawmode if isinstance(tile[3], str) else (rawmode, *tile[3][1:])
    changed = (*tile[:3], arguments)
    return type(tile)(*changed) if hasattr(tile, "_replace") else changed


def _white_of_format(image: Image.Image) -> int | None:
    """The value of full brightness where the file says it."""
    if image.format in _STRETCHED_BY_PIL:
        return 65535
    return 4095 if _tiff_tag(image, _TIFF_BITS) == (12,) else None


def _tiff_tag(image: Image.Image, tag: int) -> Any:
    """None where it is absent, or the file no TIFF."""
    return getattr(image, "tag_v2", {}).get(tag) if image.format == "TIFF" else None


def _to_bytes(values: np.ndarray, white: int) -> np.ndarray:
    """Values, of which `white` becomes 255, as uint8 of the same shape."""
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 65535:
        raise ValueError(f"its integers reach from {low} to {high}, of no known range")
    if high > white:
        bits = white.bit_length()
        raise ValueError(
            f"it holds {high}, which does not fit in the {bits} bits of --depth {bits}"
        )
    return ((values.astype(np.uint32) * 510 + white) // (2 * white)).astype(np.uint8)
