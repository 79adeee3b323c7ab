"""Lengths in pixels that are meant for one image size, on images of others."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from headrace.augment import RECIPES, Augmenter, build_augmenter
from headrace.augment.ops import Op

SIZE = (40, 60)
PIXELS: list[Any] = [
    {"op": "crop", "padding": 10},
    {"op": "cutout", "holes": 2, "length": 16},
    {"op": "blur", "sigma": [1.0, 4.0]},
    "trivial",
]


def draws(recipe: Any, size: tuple[int, int], pixels_of: tuple[int, int] | None) -> list[Any]:
    """Parameters of every step for 64 images."""
    augmenter = build_augmenter(recipe, num_classes=3, seed=7, pixels_of=pixels_of)
    noise = augmenter.sample(64, 3, *size)
    return list(augmenter.params(noise, augmenter.prepare(*size), size)[0])


def moved(recipe: Any, size: tuple[int, int], pixels_of: tuple[int, int] | None) -> torch.Tensor:
    return draws(recipe, size, pixels_of)[0].magnitude


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_at_the_size_itself_nothing_changes(name: str) -> None:
    compare(RECIPES[name])


@pytest.mark.parametrize("step", PIXELS)
def test_nor_do_steps_that_are_told_pixels(step: Any) -> None:
    compare([step])


def compare(recipe: Any) -> None:
    images = torch.randint(0, 256, (16, 3, *SIZE), dtype=torch.uint8)
    images = images.contiguous(memory_format=torch.channels_last)
    found: list[torch.Tensor] = []
    for pixels_of in (None, SIZE):
        augmenter: Augmenter = build_augmenter(recipe, num_classes=3, seed=2, pixels_of=pixels_of)
        found.append(augmenter(images, torch.arange(16) % 3)[0])
    assert torch.allclose(found[0], found[1], atol=1e-4)


def test_moves_are_as_large_a_share_of_each_side() -> None:
    half, own = (20, 30), [{"op": "crop", "padding": 10}]
    assert moved(own, half, None).abs().max() == 10
    assert moved(own, half, SIZE).abs().max() == 5
    trivial = draws(["trivial"], half, SIZE)[0]
    for op, side, reach in ((Op.TRANSLATE_X, 30, 32 / 60), (Op.TRANSLATE_Y, 20, 32 / 40)):
        pixels = trivial.magnitude[trivial.op == op].abs()
        assert len(pixels) and pixels.max() <= side * reach
    plain = draws(["trivial"], half, None)[0]
    assert torch.equal(plain.op, trivial.op)  # and what is drawn is the same
    others = ~torch.isin(plain.op, torch.tensor([int(Op.TRANSLATE_X), int(Op.TRANSLATE_Y)]))
    assert torch.equal(plain.magnitude[others], trivial.magnitude[others])


def test_holes_and_blurs_shrink_with_the_image() -> None:
    half = (20, 30)
    for pixels_of, side in ((None, 16), (SIZE, 8)):
        boxes = draws([{"op": "cutout", "holes": 4, "length": 16}], half, pixels_of)[0].boxes
        assert (boxes[..., 1] - boxes[..., 0]).max() == side
    blur = [{"op": "blur", "sigma": [1.0, 4.0], "p": 1.0}]
    assert torch.allclose(2 * moved(blur, half, SIZE), moved(blur, half, None))


def test_a_step_within_a_choice_is_reached() -> None:
    recipe: list[Any] = [{"op": "choice", "of": [["hflip"], [{"op": "cutout", "length": 16}]]}]
    boxes = draws(recipe, (20, 30), SIZE)[1].boxes
    assert (boxes[..., 1] - boxes[..., 0]).max() == 8
