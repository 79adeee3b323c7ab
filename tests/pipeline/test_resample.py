"""Both crop-and-resize kernels against the reference, on any box, flip and size."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from headrace.pipeline.pixels import crop_resize
from headrace.pipeline.resampling.boxes import box_row, resize_boxes, resize_image, resize_stored
from headrace.pipeline.warp import crop_resize_batch

TOLERANCE = 1
"""Levels of 255: torch rounds after each axis, the kernels once."""


def noise(seed: int, height: int, width: int) -> np.ndarray:
    """The hardest case for a resampler: (height, width, 3) uint8 independent levels."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def by_kernel(image: np.ndarray, box: np.ndarray, flip: bool, size: int) -> np.ndarray:
    y, x, height, width = (int(n) for n in box)
    out = np.full((size, size, 3), 77, np.uint8)
    guarded = np.full(image.size + 128, 255, np.uint8)  # what lies around the image must not count
    inner = guarded[64:-64].reshape(image.shape)
    inner[:] = image
    crop = inner[y : y + height, x : x + width]
    resize_boxes(np.array([box_row(crop, flip, out)], np.int64))
    return out


def by_products(
    image: np.ndarray,
    box: np.ndarray,
    flip: bool,
    shape: tuple[int, int],
    target: np.ndarray | None = None,
) -> np.ndarray:
    side = max(image.shape)
    square = np.zeros((1, side, side, 3), np.uint8)
    square[0, : image.shape[0], : image.shape[1]] = image
    targets = None if target is None else torch.from_numpy(target[None])
    (warped,) = crop_resize_batch(
        torch.from_numpy(square),
        torch.from_numpy(box[None]),
        torch.tensor([flip]),
        shape,
        torch.float32,
        targets,
    )
    return warped.permute(1, 2, 0).numpy()


def apart(a: np.ndarray, b: np.ndarray) -> int:
    return int(np.abs(a.astype(int) - b).max())


sides = st.integers(1, 150)


@settings(max_examples=120, deadline=None)
@given(sides, sides, st.integers(1, 150), st.booleans(), st.integers(0, 999))
@example(46, 299, 165, False, 0)  # rounding gives some outputs a third tap
@example(1, 1, 5, True, 1)
@example(3, 21, 64, True, 2)
@example(300, 4, 7, False, 3)
def test_kernels_are_within_a_level_of_the_reference(
    height: int, width: int, size: int, flip: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    image = noise(seed, height, width)
    y, x = rng.integers(0, height), rng.integers(0, width)
    box = np.array([y, x, rng.integers(1, height - y + 1), rng.integers(1, width - x + 1)])
    expected = crop_resize(image, box, flip, (size, size))
    assert apart(by_kernel(image, box, flip, size), expected) <= TOLERANCE
    assert apart(by_products(image, box, flip, (size, size)), expected) <= TOLERANCE


@settings(max_examples=80, deadline=None)
@given(sides, sides, st.integers(1, 60), st.integers(1, 60), st.booleans(), st.integers(0, 999))
def test_a_box_may_go_to_a_part_of_the_result(
    height: int, width: int, out_height: int, out_width: int, flip: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    image, shape = noise(seed, height, width), (out_height, out_width)

    def part_of(high: int, wide: int) -> np.ndarray:
        y, x = rng.integers(0, high), rng.integers(0, wide)
        return np.array([y, x, rng.integers(1, high - y + 1), rng.integers(1, wide - x + 1)])

    box, target = part_of(height, width), part_of(*shape)
    expected = crop_resize(image, box, flip, shape, target)
    outside = np.ones(shape, bool)
    outside[target[0] : target[0] + target[2], target[1] : target[1] + target[3]] = False
    assert not expected[outside].any()
    stored = np.full((1, *shape, 3), 99, np.uint8)
    resize_stored(
        image.ravel(),
        np.array([0]),
        np.array([width]),
        box[None],
        np.array([flip]),
        stored,
        target[None],
    )
    assert apart(stored[0], expected) <= TOLERANCE and not stored[0][outside].any()
    assert apart(by_products(image, box, flip, shape, target), expected) <= TOLERANCE


def test_a_box_of_the_right_size_is_copied() -> None:
    image = noise(1, 90, 80)
    box = np.array([5, 6, 64, 64])
    assert np.array_equal(by_kernel(image, box, False, 64), image[5:69, 6:70])
    assert np.array_equal(by_kernel(image, box, True, 64), image[5:69, 6:70][:, ::-1])


def test_images_that_lie_in_memory() -> None:
    images = [noise(i, 20 + i, 30 + 2 * i) for i in range(5)]
    file = np.concatenate([image.ravel() for image in images])
    ptrs = np.cumsum([0, *(image.size for image in images[:-1])])
    widths = np.array([image.shape[1] for image in images], np.int32)
    boxes = np.array([[i, 2, 10 + i, 20] for i in range(5)], np.int32)
    flips = np.array([i % 2 == 0 for i in range(5)])
    out = np.empty((5, 16, 16, 3), np.uint8)
    resize_stored(file, ptrs, widths, boxes, flips, out)
    for image, box, flip, result in zip(images, boxes, flips, out, strict=True):
        assert apart(result, crop_resize(image, box, bool(flip), (16, 16))) <= TOLERANCE


@given(sides, sides, sides, sides)
@settings(max_examples=40, deadline=None)
def test_a_whole_image_at_any_size(
    height: int, width: int, new_height: int, new_width: int
) -> None:
    image = noise(3, height, width)
    planes = torch.from_numpy(image)[None].permute(0, 3, 1, 2)
    expected = torch.nn.functional.interpolate(
        planes, (new_height, new_width), mode="bilinear", align_corners=False, antialias=True
    )
    result = resize_image(image, new_height, new_width)
    assert apart(result, expected[0].permute(1, 2, 0).numpy()) <= TOLERANCE


def test_half_precision_products_stay_within_a_level() -> None:
    """As on a GPU; the CPU has the same formats."""
    images = torch.from_numpy(np.stack([noise(i, 96, 96) for i in range(4)]))
    boxes = torch.tensor([[0, 0, 96, 96], [3, 5, 40, 60], [50, 50, 20, 30], [0, 7, 1, 80]])
    flips = torch.tensor([False, True, False, True])
    exact = crop_resize_batch(images, boxes, flips, (64, 64), torch.float32)
    half = crop_resize_batch(images, boxes, flips, (64, 64), torch.float16)
    assert (exact.int() - half.int()).abs().max() <= TOLERANCE
