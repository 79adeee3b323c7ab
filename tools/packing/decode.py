"""Decodes any image file to upright 8-bit RGB, scaled down while decoding where that helps."""

from __future__ import annotations

import io
import struct
import warnings

import numpy as np
import simplejpeg
from PIL import Image, ImageOps

from headrace.pipeline.errors import BadImageError
from headrace.pipeline.jpeg_header import JpegHeader, turn_upright
from headrace.pipeline.resampling.boxes import resize_image
from headrace.pipeline.to_rgb import to_rgb

# Above this a decoded image would not fit beside its neighbours in memory (600 MB each).
MAX_PIXELS = 200_000_000


def decode_image(data: bytes, header: JpegHeader | None, max_side: int) -> np.ndarray:
    """Decodes, turns upright and shrinks.

    Args:
        data: the file.
        header: of a JPEG, else None.
        max_side: longer side of the result in pixels, 0 for any; smaller images stay as they
            are. A JPEG at least twice as large is reduced already inside the decoder, by its
            inverse DCT.

    Returns:
        (H, W, 3) uint8 RGB, C-contiguous.

    Raises:
        BadImageError: damaged, empty, too large or of an unknown format.
    """
    if header is not None and _suits_libjpeg(header):
        image = turn_upright(_decode_jpeg(data, header, max_side), header.orientation)
        size = header.upright_size
    else:
        image = _decode_odd(data)
        size = image.shape[:2]
    return np.ascontiguousarray(resize_image(image, *fitting_size(*size, max_side)))


def check_jpeg(data: bytes) -> None:
    """Decodes all of a JPEG's entropy-coded data and throws the result away.

    The image is reduced to an eighth: the decoder still reads every coefficient of every block,
    so that damage shows just as in a full decode, and saves the inverse DCT.

    Raises:
        BadImageError: any damage, also such as a decoder would paint over.
    """
    try:
        simplejpeg.decode_jpeg(data, min_height=1, min_width=1, min_factor=8)
    except ValueError as error:
        raise BadImageError(_reason(error)) from None


def fitting_size(height: int, width: int, max_side: int) -> tuple[int, int]:
    """Height and width of an image once its longer side is at most `max_side` (0: any)."""
    if not max_side or max(height, width) <= max_side:
        return height, width
    scale = max_side / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def _decode_jpeg(data: bytes, header: JpegHeader, max_side: int) -> np.ndarray:
    longest = max(header.width, header.height)
    factor = 1
    while max_side and factor < 8 and longest >= 2 * factor * max_side:
        factor *= 2
    _check_size(header.width // factor, header.height // factor)
    least = {"min_height": header.height // factor, "min_width": header.width // factor}
    if factor == 1:
        least = {}
    try:
        # Strict: libjpeg only warns of damaged data and paints something over it. The warning
        # "extraneous bytes" too comes from damage (a decoder out of step) more often than not.
        return simplejpeg.decode_jpeg(data, min_factor=factor, **least)
    except ValueError as error:
        raise BadImageError(_reason(error)) from None


def _suits_libjpeg(header: JpegHeader) -> bool:
    return header.is_clean and header.precision == 8 and len(header.components) in (1, 3)


def _decode_odd(data: bytes) -> np.ndarray:
    """By PIL: PNG, WebP, BMP, GIF (its first frame), TIFF, CMYK and 12-bit JPEG."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # broken EXIF and the like: the pixels count
            with Image.open(io.BytesIO(data)) as image:
                _check_size(*image.size)
                image.load()
                return to_rgb(ImageOps.exif_transpose(image) or image)
    except Image.UnidentifiedImageError:
        raise BadImageError("not an image of a known format") from None
    except Image.DecompressionBombError:
        raise BadImageError(f"larger than {MAX_PIXELS} pixels") from None
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error) as error:
        raise BadImageError(_reason(error)) from None


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise BadImageError(f"{width}x{height} pixels are more than {MAX_PIXELS}")
    if width < 1 or height < 1:
        raise BadImageError("it has no pixels")


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
