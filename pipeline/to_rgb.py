"""What becomes of pixels that are not opaque RGB: gray, palettes, transparency, CMYK."""

from __future__ import annotations

import numpy as np
from PIL import Image

_OFTEN_WITHOUT_ALPHA = ("BMP", "TGA")
"""Formats in which a pixel's fourth byte may mean nothing. Writers leave it 0 then, which PIL takes
for an image that is transparent everywhere."""


def to_rgb(image: Image.Image) -> np.ndarray:
    """Converts an 8-bit PIL image of any mode.

    Returns:
        (H, W, 3) uint8 RGB, writable. Transparency lies over white, as a page shows it.

    Raises:
        ValueError: if pixels are floating-point numbers, whose range nobody knows.
    """
    if image.mode == "F":
        raise ValueError(
            "its pixels are floating-point numbers, of no known range: save it with 8 or 16 bits"
        )
    if image.format in _OFTEN_WITHOUT_ALPHA and image.mode == "RGBA":
        image = image if image.getchannel("A").getbbox() else image.convert("RGB")
    if "A" in image.getbands() or "transparency" in image.info:
        rgba = image.convert("RGBA")
        page = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        page.alpha_composite(rgba)  # what lies below transparent pixels is often garbage
        image = page
    return np.array(image.convert("RGB"))
