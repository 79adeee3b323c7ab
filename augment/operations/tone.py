"""The tone operations: one table of their recipe keys, magnitude ranges, torch code and kernels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from headrace.augment.operations.single import FACTOR, Amount, Constructor, Single
from headrace.augment.ops import Op
from headrace.augment.torch_code import tone
from headrace.augment.torch_code.tone import ToneInput, ToneTable


@dataclass(frozen=True, kw_only=True)
class ToneOperation:
    """One row of the table.

    Attributes:
        op: the code that a draw carries.
        amount: the recipe's key for the magnitude and its range; None: there is none.
        p: probability per sample where the recipe gives none.
        torch_code: makes the table of 256 entries, in torch_code/tone.py.
        kernel: name of the function in kernels/tone.py that does; `_tone_table` there calls it.
        reads_image: whether the table depends on the image.
    """

    op: Op
    amount: Amount | None = None
    p: float = 1.0
    torch_code: Callable[[ToneInput], torch.Tensor]
    kernel: str
    reads_image: bool = False


_THRESHOLD = Amount(key="threshold", default=0.5, high=1.0)  # a share of 255
_BITS = Amount(key="bits", default=4, high=8, whole=True)
_EXPONENT = Amount(key="exponent", centre=1.0)

TONE: dict[str, ToneOperation] = {
    "brightness": ToneOperation(
        op=Op.BRIGHTNESS, amount=FACTOR, torch_code=tone.brightness, kernel="brightness_table"
    ),
    "contrast": ToneOperation(
        op=Op.CONTRAST,
        amount=FACTOR,
        torch_code=tone.contrast,
        kernel="contrast_table",
        reads_image=True,
    ),
    "solarize": ToneOperation(
        op=Op.SOLARIZE,
        amount=_THRESHOLD,
        p=0.5,
        torch_code=tone.solarize,
        kernel="solarize_table",
    ),
    "posterize": ToneOperation(
        op=Op.POSTERIZE, amount=_BITS, p=0.5, torch_code=tone.posterize, kernel="posterize_table"
    ),
    "invert": ToneOperation(op=Op.INVERT, p=0.5, torch_code=tone.invert, kernel="invert_table"),
    "gamma": ToneOperation(
        op=Op.GAMMA, amount=_EXPONENT, torch_code=tone.gamma, kernel="gamma_table"
    ),
    "autocontrast": ToneOperation(
        op=Op.AUTOCONTRAST,
        p=0.5,
        torch_code=tone.autocontrast,
        kernel="autocontrast_table",
        reads_image=True,
    ),
    "equalize": ToneOperation(
        op=Op.EQUALIZE,
        p=0.5,
        torch_code=tone.equalize,
        kernel="equalize_table",
        reads_image=True,
    ),
}

TONE_TABLES: dict[Op, ToneTable] = {
    row.op: ToneTable(row.torch_code, row.reads_image) for row in TONE.values()
}
TONE_STEPS: dict[str, Constructor] = {
    name: Single(op=row.op, amount=row.amount, p=row.p) for name, row in TONE.items()
}
