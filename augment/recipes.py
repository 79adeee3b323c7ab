"""Recipes: names and lists of steps, checked and turned into the steps that the engine runs.

A list item is the name of a step, ``{op: rotate, degrees: 30}`` or ``{kornia: Class, ...}``. Order
in the list is kept; neighbours that one pass can carry out in that order are merged into it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from headrace.augment.kornia_step import KorniaStep
from headrace.augment.operations.erase import Cutout, RandomErasing
from headrace.augment.operations.mix import Mix
from headrace.augment.ops import Op, Stage
from headrace.augment.passes import AugMix, Jitter, Merged, Pass, WarpConfig
from headrace.augment.steps import STEPS, build_step
from headrace.pipeline.errors import ConfigError

Recipe = str | Sequence[Any]
Step = Pass | Jitter | AugMix | Cutout | RandomErasing | KorniaStep

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


@dataclass(frozen=True, kw_only=True)
class Gate:
    """One branch of a choice: active where the choice's uniform number is in [low, high)."""

    choice: int
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Element:
    """One step of a program and the branches that it stands in, outermost first."""

    step: Step
    gates: tuple[Gate, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Program:
    """What the engine runs: steps on bytes, then at most one mix.

    Attributes:
        elements: steps in order.
        num_choices: uniform numbers per sample that choose branches; they come first.
        mix: how samples are mixed, or None for hard labels.
    """

    elements: tuple[Element, ...]
    num_choices: int
    mix: Mix | None


def compile_recipe(recipe: Recipe, fill_mean: tuple[int, ...]) -> Program:
    """Checks a recipe and turns it into a program.

    Args:
        recipe: a name out of ``RECIPES``, or a list of steps.
        fill_mean: bytes of the mean colour, for fills named "mean".

    Raises:
        ConfigError: on an unknown recipe, step or key, a value out of range, or a misplaced step.
    """
    items = _items(recipe)
    parser = _Parser(fill_mean)
    elements = parser.branch(items, ())
    return Program(elements=tuple(elements), num_choices=parser.num_choices, mix=parser.mix)


def _items(recipe: Recipe) -> Sequence[Any]:
    if isinstance(recipe, str):
        if recipe not in RECIPES:
            raise ConfigError(
                f"unknown recipe {recipe!r}: expected one of {', '.join(RECIPES)}, or a list"
            )
        return RECIPES[recipe]
    if not isinstance(recipe, Sequence):
        raise ConfigError(f"recipe is {recipe!r}: expected a name or a list of steps")
    return recipe


class _Parser:
    """Walks a recipe once, numbering its choices and finding its mix."""

    def __init__(self, fill_mean: tuple[int, ...]) -> None:
        self.fill_mean = fill_mean
        self.num_choices = 0
        self.mix: Mix | None = None

    def branch(self, items: Sequence[Any], gates: tuple[Gate, ...]) -> list[Element]:
        """The elements of a list of steps, neighbours merged."""
        elements: list[Element] = []
        for item in items:
            name, arguments = _split(item)
            if self.mix is not None:
                raise ConfigError(f"step {name!r} follows a mix: mixing has to come last")
            if name == "choice":
                elements += self._choice(arguments, gates)
                continue
            built = (
                KorniaStep(arguments.pop("kornia"), arguments)
                if "kornia" in arguments
                else build_step(name, arguments, self.fill_mean)
            )
            for step in built if isinstance(built, tuple) else (built,):
                if isinstance(step, Mix):
                    if gates:
                        raise ConfigError(f"{name!r} stands in a choice: mixing has to come last")
                    self.mix = step
                else:
                    elements.append(Element(step=step, gates=gates))
        return _merge(elements)

    def _choice(self, arguments: dict[str, Any], gates: tuple[Gate, ...]) -> list[Element]:
        branches = arguments.pop("of", None)
        if not isinstance(branches, Sequence) or isinstance(branches, str) or not branches:
            raise ConfigError("choice needs 'of': a list of branches, each a list of steps")
        weights = arguments.pop("weights", [1.0] * len(branches))
        if arguments:
            raise ConfigError(f"choice: unknown keys {sorted(arguments)}: expected of, weights")
        if len(weights) != len(branches) or min(weights) < 0 or sum(weights) <= 0:
            raise ConfigError(
                f"choice: weights {weights!r}: expected {len(branches)} numbers, none negative"
            )
        number, low, elements = self.num_choices, 0.0, []
        self.num_choices += 1
        for position, (branch, weight) in enumerate(zip(branches, weights, strict=True)):
            last = position + 1 == len(branches)
            high = 1.0 if last else low + weight / sum(weights)
            steps = [branch] if isinstance(branch, (str, dict)) else list(branch)
            gate = Gate(choice=number, low=low, high=high)
            elements += self.branch(steps, (*gates, gate))
            low = high
        return elements


def _split(item: Any) -> tuple[str, dict[str, Any]]:
    """A list item as a name and its arguments."""
    if isinstance(item, str):
        return item, {}
    if isinstance(item, dict) and ("op" in item) != ("kornia" in item):
        arguments = {str(key): value for key, value in item.items() if key != "op"}
        return str(item.get("op", item.get("kornia"))), arguments
    raise ConfigError(
        f"step {item!r}: expected a name, {{op: NAME, ...}} or {{kornia: CLASS, ...}}; "
        f"names are choice, {', '.join(STEPS)}"
    )


def _merge(elements: list[Element]) -> list[Element]:
    """Joins neighbouring passes wherever the fixed order of stages keeps the list's order."""
    merged: list[Element] = []
    for element in elements:
        previous = merged[-1] if merged else None
        step = element.step
        if (
            previous is not None
            and isinstance(step, Pass)
            and isinstance(previous.step, Pass)
            and previous.gates == element.gates
            and _compatible(previous.step, step)
        ):
            first = previous.step.source
            sources = first.sources if isinstance(first, Merged) else (first,)
            joined = Pass(
                source=Merged(sources=(*sources, step.source)),
                warp=_joint_warp(previous.step, step),
            )
            merged[-1] = Element(step=joined, gates=element.gates)
        else:
            merged.append(element)
    return merged


def _stages(step: Pass) -> set[Stage]:
    return {op.stage for slot in step.source.slots for op in slot if op.stage is not None}


def _compatible(first: Pass, second: Pass) -> bool:
    before, after = _stages(first), _stages(second)
    both_warp = Stage.GEOMETRY in before and Stage.GEOMETRY in after
    if both_warp and first.warp != second.warp and not (_only_flips(first) or _only_flips(second)):
        return False
    both_blur = Stage.DETAIL in before and Stage.DETAIL in after
    if both_blur and first.warp.kernel_size != second.warp.kernel_size:
        return False
    return max(before) <= min(after) and not (first.in_drawn_order or second.in_drawn_order)


def _only_flips(step: Pass) -> bool:
    flips = {Op.HFLIP, Op.VFLIP, Op.IDENTITY}
    return all(slot <= flips for slot in step.source.slots)


def _joint_warp(first: Pass, second: Pass) -> WarpConfig:
    """The settings of whichever pass needs them: geometry's for the warp, detail's for the blur."""
    geometry = second if Stage.GEOMETRY in _stages(second) and not _only_flips(second) else first
    detail = second if Stage.DETAIL in _stages(second) else first
    return replace(geometry.warp, kernel_size=detail.warp.kernel_size)
