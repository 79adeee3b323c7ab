"""One sample's stored bytes become pixels, by how they are stored; whatever holds the bytes."""

from __future__ import annotations

import numpy as np

from headrace.pipeline.containers import beton
from headrace.pipeline.jpeg_header import jpeg_size
from headrace.pipeline.jpeg_scans import check_scans
from headrace.pipeline.pixels import (
    check_size,
    decode_any_rgb,
    decode_jpeg_rgb,
    decode_jpeg_upright,
)


def decode_stored(data: np.ndarray, mode: int, size: tuple[int, int], upright: bool) -> np.ndarray:
    """Decodes a whole image by the reference decoder.

    Its size is compared before anything is decoded: a few bytes may announce gigabytes.

    Args:
        data: (bytes,) uint8.
        mode: see pipeline/containers/beton.py.
        size: height and width that the tables announce.
        upright: whether a JPEG is to be turned as its metadata say: a record has its orientation
            baked in, whatever they still say, a file of a folder has not.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ValueError: if it cannot be decoded, or has another size.
    """
    if mode == beton.MODE_RAW:
        return data.reshape(*size, 3)
    check_scans(data, *size)
    if mode == beton.MODE_OTHER:
        return decode_any_rgb(data, size)
    check_size(jpeg_size(data, upright), size)
    return decode_jpeg_upright(data) if upright else decode_jpeg_rgb(data)
