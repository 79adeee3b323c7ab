"""The CPU kernels against the batched torch path: same draws, same pixels."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from headrace.augment import RECIPES, Preprocess, build_augmenter
from headrace.augment.outputs import OutputPool

# Every step that a recipe can name, so that no kernel is left out.
STEPS: dict[str, list[Any]] = {
    "moves": [
        {"op": "rotate", "degrees": 40, "interpolation": "nearest", "fill": [9, 90, 200]},
        {"op": "perspective", "p": 0.7, "interpolation": "nearest", "fill": [9, 90, 200]},
        {"op": "scale", "factor": [0.7, 1.3], "interpolation": "nearest", "fill": [9, 90, 200]},
    ],
    "flips": ["hflip", "vflip", {"op": "invert", "p": 0.3}],
    "tone": [
        {"op": "brightness", "factor": 0.5},
        {"op": "contrast", "factor": 0.5},
        {"op": "solarize", "threshold": [0.3, 0.9]},
        {"op": "posterize", "bits": [2, 7]},
        "autocontrast",
        "equalize",
        "invert",
        {"op": "contrast", "factor": 0.9},
    ],
    "colour": [
        {"op": "saturation", "factor": 0.8},
        {"op": "hue", "turns": 0.3, "p": 0.8},
        {"op": "grayscale", "p": 0.3},
        {"op": "channel_mix", "p": 0.5},
    ],
    "sharpness": [{"op": "sharpness", "factor": 0.9}, {"op": "sharpness", "factor": [0, 3]}],
    "erase": [
        {"op": "cutout", "holes": 3, "length": 9, "fill": [1, 2, 3]},
        {"op": "erasing", "p": 0.6, "fill": "noise"},
    ],
    "choice": [
        {"op": "choice", "of": [["trivial", "hflip"], "invert", []], "weights": [2, 1, 1]},
        {"op": "rand", "order": "drawn"},
        "hflip",
    ],
    "mixup": [{"op": "mixup", "alpha": 0.4, "per": "sample", "p": 0.7}],
    "cutmix": [{"op": "cutmix", "per": "sample", "p": 0.7}],
    "ricap": ["hflip", {"op": "ricap", "per": "sample", "p": 0.7}],
    "mix": [{"op": "mix", "of": {"mixup": 1, "cutmix": 1, "ricap": 1}, "per": "sample"}],
}
# Bilinear sums are added up in another order, so they may round the other way.
BILINEAR: dict[str, list[Any]] = {
    "rotate": [{"op": "rotate", "degrees": 40, "fill": "mean"}],
    "perspective": [{"op": "perspective", "p": 1.0, "fill": [9, 90, 200]}],
    "blur": [{"op": "blur", "p": 0.8}],
    "gamma": [{"op": "gamma", "exponent": [0.5, 2.0]}],
}
EXACT_RECIPES = [name for name in RECIPES if name not in ("report", "augmix")]


def photos(batch: int, channels: int, height: int, width: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(batch + channels + height)
    coarse = torch.rand((batch, channels, 6, 6), generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic")
    noise = torch.randn(smooth.shape, generator=generator)
    bytes_ = ((smooth + 0.04 * noise) * 255).clamp(0, 255).to(torch.uint8)
    return bytes_.contiguous(memory_format=torch.channels_last)


def both(
    recipe: Any, images: torch.Tensor, dtype: torch.dtype = torch.float32
) -> tuple[torch.Tensor, torch.Tensor]:
    """Levels of 255 from the kernels and from torch, after the targets were found equal."""
    preprocess = Preprocess(mean=(0.0,) * images.shape[1], std=(1.0,) * images.shape[1])
    labels = torch.arange(len(images)) % 5
    results = []
    for kernels in (True, False):
        aug = build_augmenter(
            recipe, num_classes=5, seed=2, preprocess=preprocess, kernels=kernels, dtype=dtype
        )
        before = images.clone()
        results.append([aug(images, labels) for _ in range(2)])
        assert torch.equal(images, before)
    for (fast, soft), (slow, targets) in zip(*results, strict=True):
        assert torch.equal(soft, targets)
        assert fast.dtype == slow.dtype == dtype
        assert fast.is_contiguous(memory_format=torch.channels_last)
        assert fast.shape == slow.shape
    stack = [torch.cat([out for out, _ in pairs]) * 255 for pairs in results]
    return stack[0], stack[1]


@pytest.mark.parametrize("name", [*EXACT_RECIPES, *STEPS])
def test_kernels_equal_torch(name: str) -> None:
    fast, slow = both(STEPS.get(name, name), photos(17, 3, 33, 40))
    assert torch.equal(fast, slow)


@pytest.mark.parametrize("name", BILINEAR)
def test_bilinear_within_a_level(name: str) -> None:
    fast, slow = both(BILINEAR[name], photos(17, 3, 33, 40))
    assert float((fast - slow).abs().max()) <= 1.01
    assert float(((fast - slow).abs() > 0.5).float().mean()) < 0.005


@pytest.mark.parametrize("size", [(32, 40), (3, 1), (1, 5), (2, 3)])
def test_what_lies_halfway_between_two_levels_rounds_alike(size: tuple[int, int]) -> None:
    recipe = [{"op": "scale", "factor": [2, 2]}]
    fast, slow = both(recipe, photos(17, 3, *size))
    assert torch.equal(fast, slow)


@pytest.mark.parametrize("name", ["report", "augmix"])
def test_later_steps_may_stretch_a_level(name: str) -> None:
    """After a bilinear warp: almost every pixel equal, since thresholds can stretch one level."""
    fast, slow = both(name, photos(17, 3, 33, 40))
    assert float(((fast - slow).abs() > 1.01).float().mean()) < 0.005


@pytest.mark.parametrize("name", [*EXACT_RECIPES, "flips", "tone", "sharpness", "mix"])
def test_gray_images(name: str) -> None:
    fast, slow = both(STEPS.get(name, name), photos(5, 1, 20, 24))
    assert torch.equal(fast, slow)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_other_dtypes(dtype: torch.dtype) -> None:
    fast, slow = both("strong", photos(9, 3, 24, 24), dtype)
    assert torch.equal(fast, slow)


def test_batch_of_one_and_tiny_images() -> None:
    for size in ((1, 3, 2, 2), (1, 3, 1, 7), (1, 3, 40, 3)):
        fast, slow = both("strong", photos(*size))
        assert torch.equal(fast, slow)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 3), (4, 3), (5, 40)])
def test_images_smaller_than_a_blur_are_mirrored_again_and_again(size: tuple[int, int]) -> None:
    images = photos(17, 3, *size)
    fast, slow = both(BILINEAR["blur"], images)
    assert float((fast - slow).abs().max()) <= 1.01, "sums of another order, rounded"
    lonely, _ = both(BILINEAR["blur"], images[:, :, :1, :1])
    assert torch.equal(lonely.round(), images[:, :, :1, :1].repeat(2, 1, 1, 1).float()), (
        "one pixel stays"
    )


def test_input_in_another_memory_format() -> None:
    images = photos(6, 3, 24, 24)
    aug, again = (build_augmenter("rand", num_classes=5, seed=1) for _ in range(2))
    a, _ = aug(images.contiguous(), torch.zeros(6, dtype=torch.int64))
    b, _ = again(images, torch.zeros(6, dtype=torch.int64))
    assert torch.equal(a, b)


def test_result_does_not_depend_on_threads() -> None:
    images, labels = photos(40, 3, 24, 24), torch.zeros(40, dtype=torch.int64)
    threads = torch.get_num_threads()
    outs = []
    try:
        for count in (1, 3):
            torch.set_num_threads(count)
            outs.append(build_augmenter("strong", num_classes=5)(images, labels)[0])
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(outs[0], outs[1])


def test_output_memory_is_used_again_but_never_while_it_is_held() -> None:
    pool = OutputPool()
    first = pool.lend((2, 3))
    where = first.data_ptr()
    part = first.permute(1, 0)[1:]
    part.fill_(7.0)
    del first
    other = pool.lend((2, 3))
    assert other.data_ptr() != where
    other.zero_()
    assert bool((part == 7.0).all())
    del part
    assert pool.lend((2, 3)).data_ptr() == where
    assert pool.lend((4, 3)).shape == (4, 3)


def test_a_batch_in_use_is_not_overwritten() -> None:
    images, labels = photos(6, 3, 24, 24), torch.zeros(6, dtype=torch.int64)
    aug = build_augmenter("trivial", num_classes=5)
    held = [aug(images, labels)[0] for _ in range(5)]
    copies = [out.clone() for out in held]
    weight = torch.ones(3, requires_grad=True)
    loss = (aug(images, labels)[0] * weight[:, None, None]).sum()
    for _ in range(5):
        aug(images, labels)
    loss.backward()
    assert all(torch.equal(a, b) for a, b in zip(held, copies, strict=True))
    assert weight.grad is not None and bool(weight.grad.isfinite().all())


@pytest.mark.parametrize("kernels", [True, False])
@pytest.mark.parametrize("name", [*STEPS, *BILINEAR, *RECIPES])
def test_the_callers_precision_and_device_change_nothing(name: str, kernels: bool) -> None:
    """Neither its autocast nor its default dtype, nor where its tensors are by default."""
    recipe = (STEPS | BILINEAR).get(name, name)
    images = torch.randint(0, 256, (9, 3, 30, 40), dtype=torch.uint8)
    labels = torch.arange(9) % 5

    def outcome() -> tuple[torch.Tensor, torch.Tensor]:
        preprocess = Preprocess(mean=(0.0,) * 3, std=(1 / 255,) * 3)
        settings: dict[str, Any] = {"preprocess": preprocess, "kernels": kernels}
        found: tuple[torch.Tensor, torch.Tensor]
        found = build_augmenter(recipe, num_classes=5, **settings)(images, labels)
        return found

    expected, targets = outcome()
    for setting in (torch.autocast("cpu", torch.bfloat16), torch.device("meta")):
        with setting:
            found, soft = outcome()
        assert torch.equal(found, expected) and torch.equal(soft, targets)
    for dtype in (torch.float64, torch.bfloat16):
        torch.set_default_dtype(dtype)
        try:
            found, soft = outcome()
        finally:
            torch.set_default_dtype(torch.float32)
        assert found.dtype == torch.float32 and soft.dtype == targets.dtype
        assert torch.equal(found, expected) and torch.equal(soft, targets)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1)])
def test_a_perspective_of_one_row_or_column_leaves_it_as_it_is(size: tuple[int, int]) -> None:
    images = photos(17, 3, *size)
    for mode in ("nearest", "bilinear"):
        step = {"op": "perspective", "p": 1.0, "fill": 200, "interpolation": mode}
        for out in both([step], images):
            assert torch.equal(out.round(), images.repeat(2, 1, 1, 1).float())


@pytest.mark.parametrize("size", [(2, 2), (3, 3), (2, 5)])
def test_a_perspective_that_divides_by_zero_shows_the_fill_there(size: tuple[int, int]) -> None:
    """Corners that pass each other: lines of the image lie at infinity."""
    step = {"op": "perspective", "p": 1.0, "distortion": 1.0, "fill": 200}
    fast, slow = both([step], photos(200, 3, *size))
    assert float((fast - slow).abs().max()) <= 1.01, "sums of another order, rounded"
