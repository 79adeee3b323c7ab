"""The detail operations, sharpness and blur: their recipe keys and ranges."""

from __future__ import annotations

from headrace.augment.amounts import Range, interval, share_of_one, whole
from headrace.augment.draws import Drawn, SingleOp
from headrace.augment.operations.single import FACTOR, Constructor, Single
from headrace.augment.ops import Op
from headrace.augment.settings import WarpConfig
from headrace.pipeline.errors import ConfigError


def _blur(
    *, sigma: Range = (0.1, 2.0), kernel: int = 9, p: float = 0.5, mean: tuple[int, ...]
) -> Drawn:
    low, high = interval("sigma", sigma, None, 0.01, 100.0)
    if whole("kernel", kernel, 1, 99) % 2 == 0:
        raise ConfigError(f"kernel is {kernel}: expected an odd number of pixels")
    source = SingleOp(op=Op.BLUR, low=low, high=high, p=share_of_one("p", p))
    return Drawn(source, WarpConfig(kernel_size=kernel))


DETAIL_STEPS: dict[str, Constructor] = {
    "sharpness": Single(op=Op.SHARPNESS, amount=FACTOR),
    "blur": _blur,
}
