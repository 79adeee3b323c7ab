"""Levels: half, quarter, ... sizes stored beside a JPEG, and which of them a crop is read from.

A crop that a batch shows at 128 px need not be decoded at 500: the smallest level at which it is
still as large is as sharp. Source of the idea: mipmaps, Williams, "Pyramidal parametrics",
SIGGRAPH 1983.
"""

from __future__ import annotations

from typing import overload

import numpy as np

MAX_LEVELS = 4
"""The last has a sixteenth of the image's sides."""


@overload
def level_side(side: int, level: int) -> int: ...
@overload
def level_side(side: np.ndarray, level: int | np.ndarray) -> np.ndarray: ...
def level_side(side: int | np.ndarray, level: int | np.ndarray) -> int | np.ndarray:
    """Height or width in px at a level of an image that has `side`; 0 is the image itself."""
    return -(-side // 2**level)


def level_words(level: int) -> str:
    """What a complaint begins with that is about a level of a sample; "" of the sample itself."""
    return f"its level {level} (1/{2**level}): " if level else ""


def pick_levels(
    boxes: np.ndarray,
    targets: np.ndarray | tuple[int, int],
    sizes: np.ndarray,
    stored: np.ndarray,
    sharpness: float,
) -> np.ndarray:
    """The level that each box is read from: the smallest that is sharp enough, else the image.

    Args:
        boxes: (n, 4) int y, x, height, width in px of the images.
        targets: (n, 2) int height and width in px that the boxes get in the batch, or those of
            them all.
        sizes: (n, 2) int height and width of the images.
        stored: (n, L) bool, which levels there are, from the half size on.
        sharpness: height and width of a box at the level, as a share of its target's, that are
            needed. At infinity none is sharp enough.

    Returns:
        (n,) uint8, from 0.
    """
    picked = np.zeros(len(boxes), np.uint8)
    if not np.isfinite(sharpness):
        return picked
    # At least a pixel, or nothing would be left of a box; and no image has as many as the most.
    needed = np.maximum(min(sharpness, 2.0**32) * np.asarray(targets, np.float64), 1)
    sizes = sizes.astype(np.int64)
    for level in range(1, stored.shape[1] + 1):
        sides = boxes[:, 2:] * level_side(sizes, level)  # exact: below 2**32
        sharp = np.all(sides >= needed * sizes, axis=1)
        picked[stored[:, level - 1] & sharp] = level
    return picked


def boxes_at(boxes: np.ndarray, sizes: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Boxes in pixels of the levels, each edge at the nearest pixel's.

    So they lie inside, and what they show has moved by at most half a pixel of the level.

    Args:
        boxes: (n, 4) int y, x, height, width in px of the images, at least a pixel of the level.
        sizes: (n, 2) int height and width of the images.
        levels: (n,) int, from 0.

    Returns:
        (n, 4) int32.
    """
    sizes = sizes.astype(np.int64)
    there = level_side(sizes, levels.astype(np.int64)[:, None])
    # In whole numbers, or an edge half-way between two pixels could fall on either.
    low, high = (
        (2 * edge * there + sizes) // (2 * sizes)
        for edge in (boxes[:, :2].astype(np.int64), boxes[:, :2] + boxes[:, 2:].astype(np.int64))
    )
    return np.concatenate([low, high - low], 1).astype(np.int32)
