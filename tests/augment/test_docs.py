"""docs/augmentation.md: every step stands there with a picture, and its example works."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import torch
import yaml

from headrace.augment import RECIPES, build_augmenter
from headrace.augment.steps import STEPS

DOCS = Path(__file__).resolve().parents[2] / "docs"
TEXT = (DOCS / "augmentation.md").read_text()


def test_every_step_and_recipe_is_described() -> None:
    for name in STEPS:
        assert f"`{name}`" in TEXT, name
        if name != "mix":
            assert (DOCS / "img" / "augment" / f"{name}.png").is_file(), name
    for name in RECIPES:
        assert f"`{name}`" in TEXT, name
    for picture in re.findall(r"\]\((img/[^)]*)\)", TEXT):
        assert (DOCS / picture).is_file(), picture


def test_pictures_are_small() -> None:
    sizes = [path.stat().st_size for path in (DOCS / "img" / "augment").glob("*.png")]
    assert sum(sizes) < 600_000


def test_the_example_recipe_works() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    recipe = yaml.safe_load(example)["recipe"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a Kornia step draws on the host
        aug = build_augmenter(recipe, num_classes=3)
        out, targets = aug(torch.zeros((2, 3, 32, 32), dtype=torch.uint8), torch.tensor([0, 2]))
    assert out.shape == (2, 3, 32, 32) and targets.shape == (2, 3)
