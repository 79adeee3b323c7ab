"""The geometric operations: their recipe keys and ranges, and how perspective draws its corners."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from headrace.augment.amounts import length_of, share_of_one, warp_of
from headrace.augment.draws import Drawn, Merged, SingleOp, Tables, pick_index
from headrace.augment.operations.single import Amount, Constructor, Single
from headrace.augment.ops import Draws, Op

_ANY = float("inf")


@dataclass(frozen=True, kw_only=True)
class PerspectiveDraw:
    """The four corners move inwards by up to distortion/2 of the sides (RandomPerspective)."""

    distortion: float
    p: float

    @property
    def slots(self) -> tuple[frozenset[Op], ...]:
        return (frozenset((Op.PERSPECTIVE, Op.IDENTITY)),)

    @property
    def columns(self) -> int:
        return 9

    def tables(self, height: int, width: int) -> torch.Tensor:
        return torch.zeros(0)

    def draw(self, uniform: torch.Tensor, tables: Tables, size: tuple[int, int]) -> Draws:
        bounds = [int(self.distortion * (side // 2)) + 1 for side in (size[1], size[0])]
        inwards = ((1, 1), (-1, 1), (-1, -1), (1, -1))
        moves = [
            (pick_index(uniform[:, 1 + 2 * corner + axis], bounds[axis]) * inward[axis]).float()
            for corner, inward in enumerate(inwards)
            for axis in (0, 1)
        ]
        vector = torch.stack([*moves, torch.zeros_like(moves[0])], 1)[:, None]
        op = torch.where(uniform[:, :1] < self.p, int(Op.PERSPECTIVE), 0)
        return Draws(op, torch.zeros_like(uniform[:, :1]), vector)


def _perspective(
    *,
    distortion: float = 0.5,
    p: float = 0.5,
    interpolation: str = "bilinear",
    fill: Any = "black",
    mean: tuple[int, ...],
) -> Drawn:
    source = PerspectiveDraw(
        distortion=share_of_one("distortion", distortion), p=share_of_one("p", p)
    )
    return Drawn(source, warp_of(interpolation, fill, mean))


def _crop(*, padding: int | float, fill: Any = "black", mean: tuple[int, ...]) -> Drawn:
    """A random crop of the padded image is a move by up to the padding, both ways."""
    amount = float(length_of("padding", padding, 0))
    share = isinstance(padding, float)

    def move(op: Op, unit: str) -> SingleOp:
        unit = unit if share else "one"
        return SingleOp(op=op, low=-amount, high=amount, unit=unit, whole=True)

    moves = Merged(sources=(move(Op.TRANSLATE_X, "width"), move(Op.TRANSLATE_Y, "height")))
    return Drawn(moves, warp_of("nearest", fill, mean))


_DEGREES = Amount(key="degrees", centre=0.0, low=-_ANY)
_SHEAR = Amount(key="degrees", centre=0.0, low=-89.0, high=89.0, tangent=True)
_WIDTHS = Amount(key="share", centre=0.0, low=-1.0, high=1.0, unit="width")
_HEIGHTS = Amount(key="share", centre=0.0, low=-1.0, high=1.0, unit="height")
_SCALE = Amount(key="factor", low=0.01, high=100.0)

GEOMETRY_STEPS: dict[str, Constructor] = {
    "rotate": Single(op=Op.ROTATE, amount=_DEGREES, moves=True),
    "shear_x": Single(op=Op.SHEAR_X, amount=_SHEAR, moves=True),
    "shear_y": Single(op=Op.SHEAR_Y, amount=_SHEAR, moves=True),
    "translate_x": Single(op=Op.TRANSLATE_X, amount=_WIDTHS, moves=True),
    "translate_y": Single(op=Op.TRANSLATE_Y, amount=_HEIGHTS, moves=True),
    "scale": Single(op=Op.SCALE, amount=_SCALE, moves=True),
    "hflip": Single(op=Op.HFLIP, p=0.5),
    "vflip": Single(op=Op.VFLIP, p=0.5),
    "perspective": _perspective,
    "crop": _crop,
}
