#!/usr/bin/env python3
"""Count the ATen calls that augmenting one batch takes, recipe by recipe.

    tools/count_calls.py
    tools/count_calls.py trivial rand flip --batch-size 32 512

A call is a kernel launch or less, so on a GPU this is what a recipe costs besides its pixels. The
count depends on the recipe alone: not on what the samples drew, and not on how many there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from tyro.conf import Positional, arg

from headrace.augment import RECIPES, build_augmenter
from headrace.pipeline.command_line import run_command
from headrace.pipeline.flags import check_least, parse

# Views and allocations launch nothing.
_FREE = (
    "view slice select unsqueeze expand permute unbind alias as_strided detach split transpose t "
    "squeeze empty empty_strided _unsafe_view new_empty"
).split()


@dataclass(frozen=True, kw_only=True)
class CountSettings:
    """Count the ATen calls that augmenting one batch takes, recipe by recipe."""

    recipes: Annotated[
        tuple[str, ...],
        Positional,
        arg(metavar="[RECIPE ...]", help_behavior_hint="(default: all)"),
    ] = ()
    """Names."""
    batch_size: Annotated[tuple[int, ...], arg(metavar="N ...")] = (32, 512)
    """How many images."""

    def __post_init__(self) -> None:
        check_least(self, 1, "batch_size")


class CallCounter(TorchDispatchMode):
    """Counts the ATen calls made while it is active.

    Attributes:
        calls: all of them.
        kernels: those that compute, so not views and allocations.
    """

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        self.kernels = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        self.calls += 1
        self.kernels += func.overloadpacket.__name__ not in _FREE
        return func(*args, **(kwargs or {}))


def count_calls(recipe: Any, batch_size: int, size: int = 32, seed: int = 0) -> CallCounter:
    """Runs a recipe's batched path on one batch and counts.

    Args:
        recipe: a name or a list of steps.
        batch_size: how many images.
        size: their side in pixels.
        seed: of what the samples draw.
    """
    aug = build_augmenter(recipe, num_classes=10, seed=seed, kernels=False)
    images = torch.zeros((batch_size, 3, size, size), dtype=torch.uint8)
    images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.zeros(batch_size, dtype=torch.int64)
    aug.prepare(size, size)
    with CallCounter() as counter:
        aug(images, labels)
    return counter


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; see the module's text."""
    given = parse(CountSettings, "tools/count_calls.py", arguments)
    names = given.recipes or list(RECIPES)
    base = count_calls("flip", given.batch_size[0]).kernels
    print(f"{'recipe':<14}  {'batch':>5}  {'ATen calls':>10}  {'computing':>9}  {'above flip':>10}")
    for name in names:
        for batch_size in given.batch_size:
            found = count_calls(name, batch_size)
            print(
                f"{name:<14}  {batch_size:>5}  {found.calls:>10}  {found.kernels:>9}  "
                f"{found.kernels - base:>+10}"
            )
    return 0


if __name__ == "__main__":
    run_command(main)
