"""A recipe, checked and turned into the steps that the engine runs.

A list item is the name of a step, ``{op: rotate, degrees: 30}`` or ``{kornia: Class, ...}``. Order
in the list is kept; neighbours that one pass can carry out in that order are merged into it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from headrace.augment.amounts import number as finite
from headrace.augment.kornia_step import KorniaStep
from headrace.augment.operations.mix import Mix
from headrace.augment.protocol import Step
from headrace.augment.recipes import Recipe, items_of
from headrace.augment.steps import STEPS, build_step
from headrace.pipeline.errors import ConfigError


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
    items = items_of(recipe)
    parser = _Parser(fill_mean)
    elements = parser.branch(items, ())
    return Program(elements=tuple(elements), num_choices=parser.num_choices, mix=parser.mix)


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
            built: Any = (
                KorniaStep(arguments.pop("kornia"), arguments)
                if "kornia" in arguments
                else build_step(name, arguments, self.fill_mean)
            )
            if built.comes_last:
                if gates:
                    raise ConfigError(f"{name!r} stands in a choice: mixing has to come last")
                self.mix = built
            else:
                elements.append(Element(step=built, gates=gates))
        return _merge(elements)

    def _choice(self, arguments: dict[str, Any], gates: tuple[Gate, ...]) -> list[Element]:
        branches = arguments.pop("of", None)
        if not isinstance(branches, Sequence) or isinstance(branches, str) or not branches:
            raise ConfigError("choice needs 'of': a list of branches, each a list of steps")
        weights = arguments.pop("weights", [1.0] * len(branches))
        given = weights
        if arguments:
            raise ConfigError(f"choice: unknown keys {sorted(arguments)}: expected of, weights")
        listed = isinstance(weights, Sequence) and not isinstance(weights, str)
        weights = [finite("choice: weights", weight) for weight in weights] if listed else []
        if len(weights) != len(branches) or sum(weights) <= 0:
            raise ConfigError(
                f"choice: weights {given!r}: expected {len(branches)} numbers, none negative"
            )
        number, low, elements = self.num_choices, 0.0, []
        self.num_choices += 1
        for position, (branch, weight) in enumerate(zip(branches, weights, strict=True)):
            last = position + 1 == len(branches)
            high = 1.0 if last else low + weight / sum(weights)
            if not isinstance(branch, (str, dict, list, tuple)):
                raise ConfigError(f"choice: branch {branch!r}: expected a step or a list of steps")
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
    """Joins neighbouring steps wherever one step can do the work of both."""
    merged: list[Element] = []
    for element in elements:
        previous = merged[-1] if merged else None
        joined = None
        if previous is not None and previous.gates == element.gates:
            joined = previous.step.joined(element.step)
        if joined is None:
            merged.append(element)
        else:
            merged[-1] = Element(step=joined, gates=element.gates)
    return merged
