"""The operations a sample can draw, as codes, and the stage of a pass that carries each out.

An operation is a code and a float32 magnitude per sample, so a batch of draws is two small tensors
and no stage ever branches on a value. A code that no operation has is refused where it comes in
from Python: where a step is built, where a pass is told what its slots can draw, and, on the CPU,
where draws are handed to the kernels.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple

import torch

from headrace.pipeline.errors import ConfigError


class Stage(IntEnum):
    """The stages of one pass over the batch, in the order in which they run."""

    GEOMETRY = 0
    TONE = 1
    COLOUR = 2
    DETAIL = 3


class Op(IntEnum):
    """Operation codes, compiled into cached kernels. Comments give the unit of the magnitude."""

    IDENTITY = 0
    ROTATE = 1  # degrees, counter-clockwise
    SHEAR_X = 2  # tangent of the angle, about the centre
    SHEAR_Y = 3
    CORNER_SHEAR_X = 4  # tangent, about the top left corner, as AutoAugment's
    CORNER_SHEAR_Y = 5
    TRANSLATE_X = 6  # pixels, to the right
    TRANSLATE_Y = 7  # pixels, downwards
    SCALE = 8  # factor, about the centre
    HFLIP = 9
    VFLIP = 10
    PERSPECTIVE = 11  # vector: x, y moves in pixels of the four corners
    BRIGHTNESS = 20  # factor - 1
    CONTRAST = 21  # factor - 1
    SOLARIZE = 22  # threshold as a share of 255
    POSTERIZE = 23  # bits kept
    AUTOCONTRAST = 24
    EQUALIZE = 25
    INVERT = 26
    GAMMA = 27  # exponent
    SATURATION = 40  # factor - 1
    GRAYSCALE = 41
    HUE = 42  # turns, -0.5..0.5
    CHANNEL_MIX = 43  # vector: 3x3 matrix, row by row
    SHARPNESS = 60  # factor - 1
    BLUR = 61  # sigma in pixels

    @property
    def stage(self) -> Stage | None:
        """The stage that carries the operation out; None for the identity."""
        if self == Op.IDENTITY:
            return None
        return Stage(self // 20)


GEOMETRY_OPS = tuple(op for op in Op if op.stage == Stage.GEOMETRY)
TONE_OPS = tuple(op for op in Op if op.stage == Stage.TONE)
COLOUR_OPS = tuple(op for op in Op if op.stage == Stage.COLOUR)
DETAIL_OPS = tuple(op for op in Op if op.stage == Stage.DETAIL)
FLIPS = frozenset((Op.HFLIP, Op.VFLIP, Op.IDENTITY))
VECTOR_SIZE = 9


class MixKind(IntEnum):
    """How a sample is mixed with others; codes, compiled into cached kernels."""

    NONE = 0
    MIXUP = 1
    CUTMIX = 2
    RICAP = 3


_CODES: dict[type[IntEnum], frozenset[int]] = {
    kind: frozenset(int(code) for code in kind) for kind in (Op, MixKind)
}


def check_codes(codes: Iterable[int], kind: type[IntEnum] = Op) -> None:
    """Refuses codes that ``kind`` does not have.

    Raises:
        ConfigError: on the first one; whatever carried it out would take it for another operation.
    """
    unknown = set(codes) - _CODES[kind]
    if unknown:
        named = ", ".join(f"{code.name} {code.value}" for code in kind)
        raise ConfigError(f"unknown {kind.__name__} code {min(unknown)}: expected one of {named}")


class Draws(NamedTuple):
    """What each sample of a batch drew for each slot of a pass.

    Attributes:
        op: (B, S) int64 operation codes.
        magnitude: (B, S) float32, in the unit that the operation names.
        vector: (B, S, 9) float32 for operations that need more than one number; (B, S, 0) in
            passes that have none.
    """

    op: torch.Tensor
    magnitude: torch.Tensor
    vector: torch.Tensor


def join(draws: list[Draws]) -> Draws:
    """Puts the slots of several draws side by side, in order."""
    if len(draws) == 1:
        return draws[0]
    size = max(draw.vector.shape[-1] for draw in draws)
    vectors = [
        draw.vector
        if draw.vector.shape[-1] == size
        else draw.vector.new_zeros((*draw.op.shape, size))
        for draw in draws
    ]
    return Draws(
        torch.cat([draw.op for draw in draws], 1),
        torch.cat([draw.magnitude for draw in draws], 1),
        torch.cat(vectors, 1),
    )
