"""The published policies: search spaces and sub-policy tables, as in torchvision 0.29.

Sources: AutoAugment (Cubuk et al., CVPR 2019), RandAugment (Cubuk et al., 2020), TrivialAugment
(Mueller and Hutter, ICCV 2021, the wide space), AugMix (Hendrycks et al., ICLR 2020). Ranges and
tables are torchvision's, so that results can be compared with models trained there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headrace.augment.amounts import beta_strength, warp_of, whole
from headrace.augment.augmix import AugMix
from headrace.augment.draws import DrawSource, SpaceEntry, TablePolicy, UniformPolicy
from headrace.augment.ops import Op
from headrace.augment.passes import Pass
from headrace.augment.settings import WarpConfig
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.near_names import did_you_mean


def _space(
    shear: float, translate: tuple[float, str], rotate: float, blend: float, bits: tuple[int, int]
) -> tuple[SpaceEntry, ...]:
    """The operations that all policies share, with a policy's own ranges."""
    distance, relative = translate
    horizontal, vertical = ("width", "height") if relative == "share" else ("one", "one")
    return (
        SpaceEntry(op=Op.CORNER_SHEAR_X, high=shear, signed=True),
        SpaceEntry(op=Op.CORNER_SHEAR_Y, high=shear, signed=True),
        SpaceEntry(op=Op.TRANSLATE_X, high=distance, signed=True, unit=horizontal, whole="trunc"),
        SpaceEntry(op=Op.TRANSLATE_Y, high=distance, signed=True, unit=vertical, whole="trunc"),
        SpaceEntry(op=Op.ROTATE, high=rotate, signed=True),
        SpaceEntry(op=Op.BRIGHTNESS, high=blend, signed=True),
        SpaceEntry(op=Op.SATURATION, high=blend, signed=True),
        SpaceEntry(op=Op.CONTRAST, high=blend, signed=True),
        SpaceEntry(op=Op.SHARPNESS, high=blend, signed=True),
        SpaceEntry(op=Op.POSTERIZE, low=bits[0], high=bits[1], whole="round"),
        SpaceEntry(op=Op.SOLARIZE, low=1.0, high=0.0),
        SpaceEntry(op=Op.AUTOCONTRAST),
        SpaceEntry(op=Op.EQUALIZE),
    )


_IDENTITY = (SpaceEntry(op=Op.IDENTITY),)
_AUTO_SPACE = _space(0.3, (150.0 / 331.0, "share"), 30.0, 0.9, (8, 4))
TRIVIAL_SPACE = _IDENTITY + _space(0.99, (32.0, "pixels"), 135.0, 0.99, (8, 2))
RAND_SPACE = _IDENTITY + _AUTO_SPACE
AUTO_SPACE = (*_AUTO_SPACE, SpaceEntry(op=Op.INVERT))
AUGMIX_SPACE = _space(0.3, (1.0 / 3.0, "share"), 30.0, 0.9, (4, 0))
AUGMIX_PLAIN_OPS = {Op.BRIGHTNESS, Op.CONTRAST, Op.SATURATION, Op.SHARPNESS}

_SHORT = {
    "ShX": Op.CORNER_SHEAR_X,
    "ShY": Op.CORNER_SHEAR_Y,
    "TrX": Op.TRANSLATE_X,
    "TrY": Op.TRANSLATE_Y,
    "Rot": Op.ROTATE,
    "Bri": Op.BRIGHTNESS,
    "Col": Op.SATURATION,
    "Con": Op.CONTRAST,
    "Sha": Op.SHARPNESS,
    "Pos": Op.POSTERIZE,
    "Sol": Op.SOLARIZE,
    "Aut": Op.AUTOCONTRAST,
    "Equ": Op.EQUALIZE,
    "Inv": Op.INVERT,
}

# A line is a sub-policy: operation, probability in tenths, magnitude bin, twice.
AUTO_TABLES = {
    "imagenet": """
        Pos 4 8 Rot 6 9 | Sol 6 5 Aut 6 0 | Equ 8 0 Equ 6 0 | Pos 6 7 Pos 6 6 | Equ 4 0 Sol 2 4
        Equ 4 0 Rot 8 8 | Sol 6 3 Equ 6 0 | Pos 8 5 Equ 10 0 | Rot 2 3 Sol 6 8 | Equ 6 0 Pos 4 6
        Rot 8 8 Col 4 0 | Rot 4 9 Equ 6 0 | Equ 0 0 Equ 8 0 | Inv 6 0 Equ 10 0 | Col 6 4 Con 10 8
        Rot 8 8 Col 10 2 | Col 8 8 Sol 8 7 | Sha 4 7 Inv 6 0 | ShX 6 5 Equ 10 0 | Col 4 0 Equ 6 0
        Equ 4 0 Sol 2 4 | Sol 6 5 Aut 6 0 | Inv 6 0 Equ 10 0 | Col 6 4 Con 10 8 | Equ 8 0 Equ 6 0
    """,
    "cifar10": """
        Inv 1 0 Con 2 6 | Rot 7 2 TrX 3 9 | Sha 8 1 Sha 9 3 | ShY 5 8 TrY 7 9 | Aut 5 0 Equ 9 0
        ShY 2 7 Pos 3 7 | Col 4 3 Bri 6 7 | Sha 3 9 Bri 7 9 | Equ 6 0 Equ 5 0 | Con 6 7 Sha 6 5
        Col 7 7 TrX 5 8 | Equ 3 0 Aut 4 0 | TrY 4 3 Sha 2 6 | Bri 9 6 Col 2 8 | Sol 5 2 Inv 0 0
        Equ 2 0 Aut 6 0 | Equ 2 0 Equ 6 0 | Col 9 9 Equ 6 0 | Aut 8 0 Sol 2 8 | Bri 1 3 Col 7 0
        Sol 4 5 Aut 9 0 | TrY 9 9 TrY 7 9 | Aut 9 0 Sol 8 3 | Equ 8 0 Inv 1 0 | TrY 7 9 Aut 9 0
    """,
    "svhn": """
        ShX 9 4 Inv 2 0 | ShY 9 8 Inv 7 0 | Equ 6 0 Sol 6 6 | Inv 9 0 Equ 6 0 | Equ 6 0 Rot 9 3
        ShX 9 4 Aut 8 0 | ShY 9 8 Inv 4 0 | ShY 9 5 Sol 2 6 | Inv 9 0 Aut 8 0 | Equ 6 0 Rot 9 3
        ShX 9 4 Sol 3 3 | ShY 8 8 Inv 7 0 | Equ 9 0 TrY 6 6 | Inv 9 0 Equ 6 0 | Con 3 3 Rot 8 4
        Inv 8 0 TrY 0 2 | ShY 7 6 Sol 4 8 | Inv 6 0 Rot 8 4 | ShY 3 7 TrX 9 3 | ShX 1 6 Inv 6 0
        Sol 7 2 TrY 6 7 | ShY 8 4 Inv 8 0 | ShX 7 9 TrY 8 3 | ShY 8 5 Aut 7 0 | ShX 7 2 Inv 1 0
    """,
}


def trivial(bins: int = 31) -> UniformPolicy:
    """TrivialAugmentWide: one operation, any strength."""
    return UniformPolicy(space=TRIVIAL_SPACE, bins=bins, first_bin=0, last_bin=bins - 1)


def rand(num_ops: int = 2, magnitude: int = 9, bins: int = 31) -> UniformPolicy:
    """RandAugment: some operations, all at one strength."""
    return UniformPolicy(
        space=RAND_SPACE, bins=bins, first_bin=magnitude, last_bin=magnitude, num_ops=num_ops
    )


def auto(policy: str) -> TablePolicy:
    """AutoAugment's learned table for "imagenet", "cifar10" or "svhn"."""
    index = {entry.op: i for i, entry in enumerate(AUTO_SPACE)}

    def part(name: str, tenths: str, step: str) -> tuple[int, float, int]:
        return index[_SHORT[name]], int(tenths) / 10, int(step)

    pairs = []
    for line in AUTO_TABLES[policy].replace("|", "\n").strip().splitlines():
        words = line.split()
        pairs.append((part(*words[:3]), part(*words[3:])))
    return TablePolicy(pairs=tuple(pairs), space=AUTO_SPACE)


def augmix_chain(depth: int, severity: int, all_ops: bool) -> UniformPolicy:
    """One chain of AugMix at its full depth; shorter chains leave the last slots unused."""
    space = tuple(e for e in AUGMIX_SPACE if all_ops or e.op not in AUGMIX_PLAIN_OPS)
    return UniformPolicy(space=space, bins=10, first_bin=0, last_bin=severity - 1, num_ops=depth)


def _trivial(
    *, bins: int = 31, interpolation: str = "nearest", fill: Any = "black", mean: tuple[int, ...]
) -> Pass:
    source = trivial(whole("bins", bins, 2, 1000))
    return Pass(source=source, warp=warp_of(interpolation, fill, mean))


def _rand(
    *,
    num_ops: int = 2,
    magnitude: int = 9,
    bins: int = 31,
    order: str = "stages",
    interpolation: str = "nearest",
    fill: Any = "black",
    mean: tuple[int, ...],
) -> Pass:
    bins = whole("bins", bins, 2, 1000)
    step = whole("magnitude", magnitude, 0, bins - 1)
    count = whole("num_ops", num_ops, 1, 8)
    source = rand(count, step, bins)
    return _ordered(source, order, warp_of(interpolation, fill, mean))


def _auto(
    *,
    policy: str = "imagenet",
    order: str = "stages",
    interpolation: str = "nearest",
    fill: Any = "black",
    mean: tuple[int, ...],
) -> Pass:
    if policy not in AUTO_TABLES:
        names = ", ".join(AUTO_TABLES)
        near = did_you_mean(policy, AUTO_TABLES)
        raise ConfigError(f"policy is {policy!r}: expected one of {names}{near}")
    return _ordered(auto(policy), order, warp_of(interpolation, fill, mean))


def _ordered(source: DrawSource, order: str, warp: WarpConfig) -> Pass:
    if order not in ("stages", "drawn"):
        raise ConfigError(f"order is {order!r}: expected stages or drawn")
    return Pass(source=source, warp=warp, in_drawn_order=order == "drawn")


def _augmix(
    *,
    severity: int = 3,
    width: int = 3,
    depth: int = 0,
    alpha: float = 1.0,
    all_ops: bool = True,
    interpolation: str = "bilinear",
    fill: Any = "black",
    mean: tuple[int, ...],
) -> AugMix:
    depth = whole("depth", depth, 0, 8)
    chain = augmix_chain(depth or 3, whole("severity", severity, 1, 10), bool(all_ops))
    return AugMix(
        chain=chain,
        width=whole("width", width, 1, 8),
        depth=depth,
        alpha=beta_strength("alpha", alpha),
        warp=warp_of(interpolation, fill, mean),
    )


POLICY_STEPS: dict[str, Callable[..., Any]] = {
    "trivial": _trivial,
    "rand": _rand,
    "auto": _auto,
    "augmix": _augmix,
}
