"""What the compiler plans for device code that is, or could be, compiled: recipes and the warp."""

from __future__ import annotations

from typing import Any

import torch

from headrace.augment import RECIPES, build_augmenter
from headrace.augment.protocol import Noise
from headrace.bench.core.pretended_cuda import pretended_cuda
from headrace.bench.modelling.compiler_plan import Plan, compiler_plan
from headrace.bench.modelling.device_functions import CUDA, NUM_CLASSES, WARP, Size
from headrace.pipeline.warp import crop_resize_batch


def planned(name: str, size: Size) -> Plan | None:
    """The plan for one of FUNCTIONS; None for what is neither a recipe nor the warp.

    Raises:
        FailedError: if this torch's compiler cannot be asked.
    """
    with pretended_cuda():
        if name == WARP:
            return _warp(size)
        recipe = name.removeprefix("recipe ")
        return _recipe(recipe, size) if recipe in RECIPES else None


def _warp(size: Size) -> Plan:
    def cut(memory: Any, gather: Any, boxes: Any, flips: Any) -> Any:
        shape = (size.side, size.side)
        return crop_resize_batch(memory[gather], boxes, flips, shape, torch.float16)

    squares = (size.batch, size.stored, size.stored, 3)
    return compiler_plan(
        cut,
        torch.empty(squares, dtype=torch.uint8, device=CUDA),
        size.labels(),
        torch.empty((size.batch, 4), dtype=torch.int32, device=CUDA),
        torch.empty(size.batch, dtype=torch.bool, device=CUDA),
    )


def _recipe(recipe: str, size: Size) -> Plan:
    """All that comes after the random numbers, as `Augmenter` has it compiled."""
    augmenter = build_augmenter(recipe, num_classes=NUM_CLASSES, device=CUDA, dtype=size.dtype)
    tables = augmenter.prepare(size.side, size.side)
    uniform, gamma, pixels, _ = augmenter.sample(size.batch, 3, size.side, size.side)

    def run(images: Any, labels: Any, uniform: Any, gamma: Any, pixels: Any, tables: Any) -> Any:
        return augmenter.run(images, labels, Noise(uniform, gamma, pixels), tables)

    return compiler_plan(run, size.images(), size.labels(), uniform, gamma, pixels, tables)
