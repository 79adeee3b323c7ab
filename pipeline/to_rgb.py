"""What becomes of pixels that are not 8-bit RGB: 16 bits, palettes, transparency, CMYK."""

from __future__ import annotations

import numpy as np
from PIL import Image


def to_rgb(image: Image.Image) -> np.ndarray:
    """Converts a PIL image of any mode.

    Returns:
        (H, W, 3) uint8 RGB, writable. 16-bit gray keeps its high byte; transparency lies over
        white, as a page shows it.

    Raises:
        ValueError: if pixels are floating-point numbers, whose range nobody knows.
    """
    if image.mode in ("I", "I;16", "I;16B", "I;16L", "I;16N"):  # PIL would clip at 255
        values = np.asarray(image)
        high = np.clip(values, 0, 65535).astype(np.uint16) >> 8 if values.max() > 255 else values
        return np.repeat(high.astype(np.uint8)[..., None], 3, axis=2)
    if image.mode == "F":
        raise ValueError("pixels are floating-point numbers, of no known range")
    if "A" in image.getbands() or "transparency" in image.info:
        rgba = image.convert("RGBA")
        page = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        page.alpha_composite(rgba)  # what lies below transparent pixels is often garbage
        image = page
    return np.array(image.convert("RGB"))
