"""Recipes by name: what each is made of, and where a name comes from that is not plain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.near_names import did_you_mean

Recipe = str | Sequence[Any]

_JITTER = {"op": "jitter", "brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1}

RECIPES: dict[str, list[Any]] = {
    "none": [],
    "flip": ["hflip"],
    "report": [
        {"op": "rotate", "degrees": 30},
        _JITTER,
        {"op": "cutout", "holes": 1, "length": 0.25},
        {"op": "mixup", "alpha": 1.0},
    ],
    "cifar": [
        {"op": "crop", "padding": 0.125},
        "hflip",
        {"op": "cutout", "holes": 1, "length": 0.5},
    ],
    "trivial": ["trivial"],
    "rand": ["rand"],
    "auto-imagenet": [{"op": "auto", "policy": "imagenet"}],
    "auto-cifar10": [{"op": "auto", "policy": "cifar10"}],
    "auto-svhn": [{"op": "auto", "policy": "svhn"}],
    "augmix": ["augmix"],
    "medium": [
        {"op": "rand", "magnitude": 6},
        {"op": "erasing", "p": 0.25},
        {"op": "mixup", "alpha": 0.2, "p": 0.5},
    ],
    "strong": [
        "trivial",
        {"op": "erasing", "p": 0.25, "fill": "noise"},
        {"op": "mix", "of": {"mixup": 0.4, "cutmix": 0.4, "ricap": 0.2}, "alpha": 1.0, "p": 0.8},
    ],
}

# Plain names of recipes. `report` is called after the report of a course's Food-11 homework, whose
# kinds of augmentation it has: rotation, colour jitter, Cutout and mixup. The report is not part of
# this project, so nothing here says that its strengths were these.
ALIASES = {"classic": "report"}


def items_of(recipe: Recipe) -> Sequence[Any]:
    """The list of steps of a recipe.

    Raises:
        ConfigError: on an unknown name, or what is neither a name nor a list.
    """
    if isinstance(recipe, str):
        recipe = ALIASES.get(recipe, recipe)
        if recipe not in RECIPES:
            raise ConfigError(
                f"unknown recipe {recipe!r}: expected one of {', '.join(RECIPES)}, or a list"
                + did_you_mean(recipe, [*RECIPES, *ALIASES])
            )
        return RECIPES[recipe]
    if not isinstance(recipe, Sequence):
        raise ConfigError(f"recipe is {recipe!r}: expected a name or a list of steps")
    return recipe
