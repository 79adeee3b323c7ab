"""Images as text for a page, and how many bytes of them there may be."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

BUDGET_BYTES = 2_200_000
"""For all images of a page together, as text: of 5 MB the plots' library takes 1.3, and the tables
of a thousand classes 1."""


class Budget:
    """How much of the page's bytes images may still take."""

    def __init__(self, total: int = BUDGET_BYTES) -> None:
        self.left = total

    def take(
        self, pixels: np.ndarray, side: int, quality: int = 80, full_colour: bool = False
    ) -> tuple[str, int, int] | None:
        """A JPEG as a data URI, or None where the budget does not allow it.

        Args:
            pixels: (H, W, 3) uint8.
            side: longest of the picture, px; smaller ones stay.
            quality: of the JPEG.
            full_colour: whether colours are kept as fine as brightness, which small images need.

        Returns:
            The URI, its width and its height.
        """
        image = Image.fromarray(np.ascontiguousarray(pixels))
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
        file = io.BytesIO()
        halved = 0 if full_colour else 2  # Pillow's words for 4:4:4 and 4:2:0
        image.save(file, "JPEG", quality=quality, optimize=True, subsampling=halved)
        uri = "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
        if len(uri) > self.left:
            return None
        self.left -= len(uri)
        return uri, image.width, image.height
