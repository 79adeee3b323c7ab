"""Recipes on the device against the same recipe and the same random numbers on the CPU."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from headrace.augment import RECIPES, Augmenter, build_augmenter
from headrace.augment.preprocess import Preprocess
from headrace.augment.protocol import Noise
from headrace.bench.augmenting.compare_engines import photos

NUM_CLASSES = 7
PREPROCESS = Preprocess(size=48, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
"""So that results are levels over 255."""
FAR, SHARE = 2.0, 0.01
"""More levels than this apart may be this share of the values: ties of a nearest warp round either
way, a blur or a bilinear warp rounds once more."""


def built(recipe: str, device: torch.device, **given: object) -> Augmenter:
    keywords = {"num_classes": NUM_CLASSES, "seed": 3, "preprocess": PREPROCESS, "kernels": False}
    return build_augmenter(recipe, device=device, **{**keywords, **given})  # type: ignore[arg-type]


def batch(size: tuple[int, int] = (48, 40)) -> tuple[torch.Tensor, torch.Tensor]:
    images = photos(12, 48)[:, :, : size[0], : size[1]]
    return images.contiguous(memory_format=torch.channels_last), torch.arange(12) % NUM_CLASSES


def on(device: torch.device, noise: Noise) -> Noise:
    moved = (noise.uniform.to(device), noise.gamma.to(device), noise.pixels.to(device))
    return Noise(*moved, noise.host)


def assert_close(got: torch.Tensor, expected: torch.Tensor) -> None:
    levels = (got.float().cpu() - expected.float()).abs() * 255
    share = (levels > FAR).float().mean().item()
    assert share <= SHARE, f"{share:.2%} of the values are more than {FAR} levels apart"


@pytest.mark.parametrize("recipe", RECIPES)
def test_recipes_do_the_same_on_the_device(recipe: str, device: torch.device) -> None:
    here, there = built(recipe, torch.device("cpu")), built(recipe, device)
    images, labels = batch()
    for _ in range(3):
        noise = here.sample(*images.shape)
        expected, soft = here.run(images, labels, noise, here.prepare(48, 40))
        on_device = images.to(device), labels.to(device), on(device, noise)
        got, targets = there.run(*on_device, there.prepare(48, 40))
        assert got.device == targets.device == device
        assert got.is_contiguous(memory_format=torch.channels_last)
        assert_close(got, expected)
        assert torch.allclose(targets.cpu().float(), soft.float(), atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_the_rounded_result(device: torch.device, dtype: torch.dtype) -> None:
    images, labels = batch()
    whole = built("report", device)(images.to(device), labels.to(device))[0]
    half = built("report", device, dtype=dtype)(images.to(device), labels.to(device))[0]
    assert half.dtype == dtype
    assert torch.allclose(half.float(), whole, atol=2 * torch.finfo(dtype).eps)


def test_the_random_stream_resumes(device: torch.device) -> None:
    images, labels = (part.to(device) for part in batch())
    one = built("strong", device)
    one(images, labels)
    state = one.state_dict()
    expected = one(images, labels)
    other = built("strong", device, seed=9)
    other.load_state_dict(state)
    got = other(images, labels)
    assert all(torch.equal(a, b) for a, b in zip(got, expected, strict=True))


def test_every_image_has_a_draw_of_its_own(device: torch.device) -> None:
    images, labels = batch()
    same = images[:1].expand(12, -1, -1, -1).contiguous(memory_format=torch.channels_last)
    out, _ = built("trivial", device)(same.to(device), labels.to(device))
    assert len(np.unique(out.cpu().numpy().reshape(12, -1), axis=0)) > 6


@pytest.mark.parametrize("recipe", ["report", "trivial"])
def test_compiled_equals_eager(recipe: str, cuda: torch.device) -> None:
    torch._dynamo.reset()
    eager, compiled = built(recipe, cuda), built(recipe, cuda, compile=True)
    images, labels = (part.to(cuda) for part in batch())
    for _ in range(2):
        expected, soft = eager(images, labels)
        got, targets = compiled(images, labels)
        assert_close(got, expected.cpu())
        assert torch.allclose(targets.float(), soft.float(), atol=1e-4)
