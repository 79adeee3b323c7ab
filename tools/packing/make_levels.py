"""Makes the levels of a sample: half, quarter, ... sizes as JPEGs, of its decoded image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import simplejpeg

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.levels import MAX_LEVELS, level_side
from headrace.pipeline.resampling.boxes import resize_image

LEAST_SIDE_PX = 48
"""Shorter side of the smallest level; no batch of a usual size would be read from a smaller one."""
LEAST_GAIN = 0.75
"""A level is kept if it takes at most this share of the bytes of the next larger size that is
stored; more is found where an image is stored at a lower quality than its levels."""
SUBSAMPLING = "444"
"""Of a level's chroma, whatever the image's: half of a 4:2:0 image has all of its chroma left."""
AUTO: Literal["auto"] = "auto"


@dataclass(frozen=True, kw_only=True)
class LevelConfig:
    """Which levels a sample gets.

    Attributes:
        most: how many at most; `auto` as many as the image is large enough for.
        quality: of their JPEGs, 1..100.
    """

    most: int | Literal["auto"]
    quality: int

    @property
    def limit(self) -> int:
        """How many at most, in numbers."""
        return MAX_LEVELS if self.most == "auto" else self.most


def check_level_flags(most: int | str, quality: int) -> None:
    """Refuses what cannot be asked for.

    Raises:
        ConfigError: naming it.
    """
    if most != AUTO and (not isinstance(most, int) or not 0 <= most <= MAX_LEVELS):
        raise ConfigError(f"levels {most}: expected 0 to {MAX_LEVELS}, or auto")
    if not 1 <= quality <= 100:
        raise ConfigError(f"level quality {quality}: expected 1 to 100")


def has_levels(height: int, width: int, config: LevelConfig) -> bool:
    """Whether an image of this size in px gets any."""
    return config.limit > 0 and level_side(min(height, width), 1) >= LEAST_SIDE_PX


def make_levels(
    pixels: np.ndarray, gray: bool, num_bytes: int, config: LevelConfig
) -> tuple[bytes | None, ...]:
    """The levels of an image, each resized from the one before it.

    Args:
        pixels: (H, W, 3) uint8, the image as it is stored.
        gray: whether it has one component only.
        num_bytes: of the stored image.

    Returns:
        From the half size on; None where a level would be no gain. The last one is not None.
    """
    height, width = pixels.shape[:2]
    made: list[bytes | None] = []
    kept = 0
    for level in range(1, config.limit + 1):
        sides = level_side(height, level), level_side(width, level)
        if min(sides) < LEAST_SIDE_PX:
            break
        pixels = resize_image(pixels, *sides)
        data = encode_jpeg(pixels, gray, config.quality, SUBSAMPLING)
        gains = len(data) <= LEAST_GAIN * num_bytes
        made.append(data if gains else None)
        if gains:
            kept, num_bytes = level, len(data)
    return tuple(made[:kept])


def encode_jpeg(pixels: np.ndarray, gray: bool, quality: int, subsampling: str) -> bytes:
    """Pixels, (H, W, 3) uint8, as a JPEG; of gray ones only the first channel."""
    return simplejpeg.encode_jpeg(
        np.ascontiguousarray(pixels[..., :1]) if gray else pixels,
        quality=quality,
        colorspace="GRAY" if gray else "RGB",
        colorsubsampling="Gray" if gray else subsampling,
    )
