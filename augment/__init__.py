"""Augmentation on the device: every image its own draw, the whole batch at once, no sync."""

from __future__ import annotations

import torch

from headrace.augment.engine import Augmenter, EngineConfig
from headrace.augment.preprocess import Preprocess
from headrace.augment.program import compile_recipe
from headrace.augment.recipes import RECIPES, Recipe
from headrace.augment.relative import in_shares

__all__ = ["RECIPES", "Augmenter", "Preprocess", "Recipe", "build_augmenter"]


def build_augmenter(
    recipe: Recipe,
    *,
    num_classes: int,
    seed: int = 0,
    preprocess: Preprocess | None = None,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
    compile: bool = False,
    kernels: bool = True,
    pixels_of: tuple[int, int] | None = None,
) -> Augmenter:
    """Builds the augmenter of a recipe.

    Args:
        recipe: a name out of ``RECIPES``, or a list of steps as in a run's YAML.
        num_classes: width of the soft targets of recipes that mix.
        seed: of the augmenter's own random stream.
        preprocess: normalisation; ImageNet's by default.
        device: where the batches are.
        dtype: floating dtype of the images it returns.
        compile: run through ``torch.compile(fullgraph=True)``; the first batch takes a while.
        kernels: on the CPU, use the compiled per-sample kernels; the results are the same.
        pixels_of: height and width of the images that lengths in pixels are meant for, where sizes
            change between batches: at other sizes they are as large a share of the side. None:
            they are as many pixels of any image.

    Returns:
        A callable: ``images, targets = augmenter(batch.images, batch.labels)``.

    Raises:
        ConfigError: on an unknown recipe, step or key, or a value out of range.
    """
    preprocess = preprocess or Preprocess()
    mean = tuple(round(255.0 * value) for value in preprocess.mean)
    config = EngineConfig(
        num_classes=num_classes,
        device=torch.device(device),
        dtype=dtype,
        compile=compile,
        kernels=kernels,
    )
    program = compile_recipe(recipe, mean)
    if pixels_of is not None:
        program = in_shares(program, pixels_of)
    return Augmenter(program, preprocess, config, seed)
