"""A program whose lengths in pixels are meant for one image size, for images of any size.

A hole of 16 px in an image of 160 is one of 10 px in the same image at 96: what a step says in
pixels becomes a share of the side, and at the size that it was meant for nothing changes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from headrace.augment.augmix import AugMix
from headrace.augment.draws import Merged, SingleOp, SpaceEntry, TablePolicy, UniformPolicy
from headrace.augment.operations.erase import Cutout
from headrace.augment.ops import Op
from headrace.augment.passes import Pass
from headrace.augment.program import Program

Amount = TypeVar("Amount", SingleOp, SpaceEntry)
_AXES = {Op.TRANSLATE_X: "width", Op.TRANSLATE_Y: "height", Op.BLUR: "height"}
"""Operations whose magnitude is a length, and along which side."""


def in_shares(program: Program, size: tuple[int, int]) -> Program:
    """The same program with its lengths as shares; it draws the same random numbers.

    A blur keeps the width of its kernel, and a step of Kornia's whatever it is told.

    Args:
        program: whose pixels are those of images of `size`.
        size: height and width, px.
    """
    sides = {"height": size[0], "width": size[1]}
    elements = [replace(e, step=_step(e.step, sides)) for e in program.elements]
    return replace(program, elements=tuple(elements))


def _step(step: Any, sides: dict[str, int]) -> Any:
    if isinstance(step, Pass):
        return replace(step, source=_source(step.source, sides))
    if isinstance(step, AugMix):
        return replace(step, chain=_source(step.chain, sides))
    if isinstance(step, Cutout) and isinstance(step.length, int):
        return replace(step, length=step.length / min(sides.values()))
    return step


def _source(source: Any, sides: dict[str, int]) -> Any:
    if isinstance(source, Merged):
        return replace(source, sources=tuple(_source(part, sides) for part in source.sources))
    if isinstance(source, UniformPolicy | TablePolicy):
        return replace(source, space=tuple(_amount(entry, sides) for entry in source.space))
    return _amount(source, sides) if isinstance(source, SingleOp) else source


def _amount(drawn: Amount, sides: dict[str, int]) -> Amount:
    """A single operation, or one of a space."""
    axis = _AXES.get(drawn.op, "")
    if not axis or drawn.unit != "one":
        return drawn
    side = sides[axis]
    return replace(drawn, unit=axis, low=drawn.low / side, high=drawn.high / side)
