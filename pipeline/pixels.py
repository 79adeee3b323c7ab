"""The reference pixels: decode a whole image, cut the box, resize with antialias, flip.

Every loader is held against these functions by a test; docs/loaders.md states how close each is.
"""

from __future__ import annotations

import re

import numpy as np
import simplejpeg

from headrace.pipeline.jpeg_header import jpeg_orientation, turn_upright
from headrace.pipeline.pil_image import read_picture, read_stored_jpeg
from headrace.pipeline.resampling.fallback import resize_by_torch

_INKS = ("CMYK", "YCCK")


def decode_jpeg_rgb(data: np.ndarray) -> np.ndarray:
    """Decodes a whole JPEG as it is stored, whatever its metadata say of its orientation.

    By libjpeg-turbo with its accurate DCT and smooth chroma. What its own interface refuses or
    warns of (CMYK, rare samplings, stray bytes, harmless oddities of a header) goes through PIL,
    whose libjpeg gives the same pixels and fails only where the file ends too early or makes no
    sense.

    Args:
        data: (bytes,) uint8.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ValueError: if neither can decode it; with both reasons.
    """
    try:
        if simplejpeg.decode_jpeg_header(data)[2] not in _INKS:  # whose RGB it only approximates
            return simplejpeg.decode_jpeg(data)
        complaint = ""
    except KeyError:  # a sampling that it has no name for
        complaint = ""
    except ValueError as error:
        complaint = re.sub(r"^(tj\w+\(\): |Warning: )", "", str(error)) + "; PIL: "
    try:
        return read_stored_jpeg(data.tobytes())
    except ValueError as error:
        raise ValueError(f"{complaint}{error}") from None


def decode_jpeg_upright(data: np.ndarray) -> np.ndarray:
    """Decodes a JPEG file and turns it upright; what `decode_jpeg_rgb` refuses, as PIL shows it.

    Args, returns and errors as `decode_jpeg_rgb`.
    """
    try:
        image = decode_jpeg_rgb(data)
    except ValueError as error:
        try:
            return decode_any_rgb(data)  # which does not mind a missing end
        except ValueError:
            raise error from None
    return turn_upright(image, jpeg_orientation(data))


def decode_any_rgb(data: np.ndarray, size: tuple[int, int] | None = None) -> np.ndarray:
    """Decodes any image file that PIL knows, upright by its orientation.

    Args:
        data: (bytes,) uint8.
        size: height and width in px that it must have, None for any; looked at before anything
            is decoded.

    Returns:
        (H, W, 3) uint8 RGB; see pipeline.to_rgb and pipeline.sixteen_bit for what is not.

    Raises:
        ValueError: if PIL cannot read it, or it has another size.
    """
    check = (lambda found: None) if size is None else (lambda found: check_size(found, size))
    return read_picture(data.tobytes(), check_size=check).pixels


def check_size(found: tuple[int, int] | None, expected: tuple[int, int]) -> None:
    """Compares the height and width that a file announces with those that the tables say.

    Args:
        found: None where the file is not of the announced format at all.

    Raises:
        ValueError: naming both, width first, if they differ.
    """
    if found is None:
        raise ValueError("it is not a JPEG")
    if found != expected:
        (height, width), (high, wide) = found, expected
        raise ValueError(f"is {width}x{height} px, the tables say {wide}x{high}")


def crop_resize(
    image: np.ndarray,
    box: np.ndarray,
    flip: bool,
    shape: tuple[int, int],
    target: np.ndarray | None = None,
) -> np.ndarray:
    """Cuts a box, resizes it with antialiased bilinear weights, mirrors it, puts it in its place.

    The filter is torch's `interpolate(mode="bilinear", antialias=True)` on uint8, which follows
    PIL's to within one level.

    Args:
        image: (H, W, 3) uint8.
        box: (4,) y, x, height, width, inside the image.
        flip: mirror left to right.
        shape: height and width of the result, px.
        target: (4,) y, x, height, width in the result, where the box goes; the rest is black. None:
            it fills the result.

    Returns:
        (*shape, 3) uint8.
    """
    if target is not None:
        top, left, tall, wide = (int(v) for v in target)
        placed = np.zeros((*shape, 3), np.uint8)
        placed[top : top + tall, left : left + wide] = crop_resize(image, box, flip, (tall, wide))
        return placed
    y, x, height, width = (int(v) for v in box)
    crop = image[y : y + height, x : x + width].copy()  # torch wants writable, dense memory
    if (height, width) != shape:
        crop = resize_by_torch(crop, *shape)
    return crop[:, ::-1] if flip else crop
