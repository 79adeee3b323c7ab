"""Steps of a recipe that change one image: a small constructor for each, its keywords the keys."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from headrace.augment.amounts import Range, fill_of, interval, number, share_of_one, warp_of, whole
from headrace.augment.draws import ChannelMixDraw, PerspectiveDraw, SingleOp
from headrace.augment.operations.erase import Cutout, RandomErasing
from headrace.augment.ops import Op
from headrace.augment.passes import Jitter, Pass, WarpConfig
from headrace.pipeline.errors import ConfigError


def _single(op: Op, bounds: tuple[float, float], p: Any, **more: Any) -> SingleOp:
    return SingleOp(op=op, low=bounds[0], high=bounds[1], p=share_of_one("p", p), **more)


def _geometry(op: Op, unit: str = "one", tangent: bool = False) -> Callable[..., Pass]:
    """A constructor for an operation whose range is symmetric about zero."""

    def moved(
        amount: Range, p: float, interpolation: str, fill: Any, mean: tuple[int, ...]
    ) -> Pass:
        limit = 89.0 if tangent else float("inf")
        name = "share" if unit != "one" else "degrees"
        low, high = interval(name, amount, 0.0, -limit, limit)
        if tangent:
            low, high = math.tan(math.radians(low)), math.tan(math.radians(high))
        return Pass(
            source=_single(op, (low, high), p, unit=unit), warp=warp_of(interpolation, fill, mean)
        )

    if unit != "one":

        def by_share(
            *,
            share: Range,
            p: float = 1.0,
            interpolation: str = "bilinear",
            fill: Any = "black",
            mean: tuple[int, ...],
        ) -> Pass:
            return moved(share, p, interpolation, fill, mean)

        return by_share

    def by_degrees(
        *,
        degrees: Range,
        p: float = 1.0,
        interpolation: str = "bilinear",
        fill: Any = "black",
        mean: tuple[int, ...],
    ) -> Pass:
        return moved(degrees, p, interpolation, fill, mean)

    return by_degrees


def _scale(
    *,
    factor: Sequence[float],
    p: float = 1.0,
    interpolation: str = "bilinear",
    fill: Any = "black",
    mean: tuple[int, ...],
) -> Pass:
    bounds = interval("factor", factor, None, 0.01, 100.0)
    return Pass(source=_single(Op.SCALE, bounds, p), warp=warp_of(interpolation, fill, mean))


def _perspective(
    *,
    distortion: float = 0.5,
    p: float = 0.5,
    interpolation: str = "bilinear",
    fill: Any = "black",
    mean: tuple[int, ...],
) -> Pass:
    source = PerspectiveDraw(
        distortion=share_of_one("distortion", distortion), p=share_of_one("p", p)
    )
    return Pass(source=source, warp=warp_of(interpolation, fill, mean))


def _crop(*, padding: int | float, fill: Any = "black", mean: tuple[int, ...]) -> tuple[Pass, Pass]:
    """A random crop of the padded image is a move by up to the padding, both ways."""
    amount = number("padding", padding)
    share = isinstance(padding, float)
    warp = warp_of("nearest", fill, mean)

    def move(op: Op, unit: str) -> Pass:
        unit = unit if share else "one"
        return Pass(source=_single(op, (-amount, amount), 1.0, unit=unit, whole=True), warp=warp)

    return move(Op.TRANSLATE_X, "width"), move(Op.TRANSLATE_Y, "height")


def _plain(op: Op, default_p: float = 0.5) -> Callable[..., Pass]:
    """A constructor for an operation that has no magnitude."""

    def build(*, p: float = default_p, mean: tuple[int, ...]) -> Pass:
        return Pass(source=_single(op, (0.0, 0.0), p))

    return build


def _factor(op: Op) -> Callable[..., Pass]:
    """A constructor for a blend whose factor is neutral at 1; the draw is the offset from 1."""

    def build(*, factor: Range, p: float = 1.0, mean: tuple[int, ...]) -> Pass:
        low, high = interval("factor", factor, 1.0)
        return Pass(source=_single(op, (low - 1.0, high - 1.0), p))

    return build


def _solarize(*, threshold: Range = 0.5, p: float = 0.5, mean: tuple[int, ...]) -> Pass:
    bounds = interval("threshold", threshold, None, 0.0, 1.0)
    return Pass(source=_single(Op.SOLARIZE, bounds, p))


def _posterize(*, bits: Any = 4, p: float = 0.5, mean: tuple[int, ...]) -> Pass:
    low, high = interval("bits", bits, None, 0, 8)
    return Pass(source=_single(Op.POSTERIZE, (round(low), round(high)), p, whole=True))


def _gamma(*, exponent: Range, p: float = 1.0, mean: tuple[int, ...]) -> Pass:
    return Pass(source=_single(Op.GAMMA, interval("exponent", exponent, 1.0), p))


def _hue(*, turns: Range, p: float = 1.0, mean: tuple[int, ...]) -> Pass:
    return Pass(source=_single(Op.HUE, interval("turns", turns, 0.0, -0.5, 0.5), p))


def _channel_mix(*, strength: float = 0.5, p: float = 1.0, mean: tuple[int, ...]) -> Pass:
    return Pass(
        source=ChannelMixDraw(strength=share_of_one("strength", strength), p=share_of_one("p", p))
    )


def _blur(
    *, sigma: Range = (0.1, 2.0), kernel: int = 9, p: float = 0.5, mean: tuple[int, ...]
) -> Pass:
    bounds = interval("sigma", sigma, None, 0.01, 100.0)
    if whole("kernel", kernel, 1, 99) % 2 == 0:
        raise ConfigError(f"kernel is {kernel}: expected an odd number of pixels")
    return Pass(source=_single(Op.BLUR, bounds, p), warp=WarpConfig(kernel_size=kernel))


def _jitter(
    *,
    brightness: Range = 0.0,
    contrast: Range = 0.0,
    saturation: Range = 0.0,
    hue: Range = 0.0,
    p: float = 1.0,
    mean: tuple[int, ...],
) -> Jitter:
    def offset(name: str, value: Range) -> tuple[float, float]:
        low, high = interval(name, value, 1.0)
        return low - 1.0, high - 1.0

    return Jitter(
        brightness=offset("brightness", brightness),
        contrast=offset("contrast", contrast),
        saturation=offset("saturation", saturation),
        hue=interval("hue", hue, 0.0, -0.5, 0.5),
        p=share_of_one("p", p),
    )


def _cutout(
    *,
    holes: int = 1,
    length: int | float = 0.5,
    p: float = 1.0,
    fill: Any = "mean",
    mean: tuple[int, ...],
) -> Cutout:
    if isinstance(length, float):
        share_of_one("length", length)
    else:
        whole("length", length, 1, 65535)
    return Cutout(
        holes=whole("holes", holes, 1, 64),
        length=length,
        p=share_of_one("p", p),
        fill=fill_of(fill, mean),
    )


def _erasing(
    *,
    p: float = 0.5,
    scale: Sequence[float] = (0.02, 0.33),
    ratio: Sequence[float] = (0.3, 3.3),
    fill: Any = "mean",
    mean: tuple[int, ...],
) -> RandomErasing:
    return RandomErasing(
        p=share_of_one("p", p),
        scale=interval("scale", scale, None, 0.0, 1.0),
        ratio=interval("ratio", ratio, None, 0.01, 100.0),
        fill=fill_of(fill, mean),
    )


IMAGE_STEPS: dict[str, Callable[..., Any]] = {
    "rotate": _geometry(Op.ROTATE),
    "shear_x": _geometry(Op.SHEAR_X, tangent=True),
    "shear_y": _geometry(Op.SHEAR_Y, tangent=True),
    "translate_x": _geometry(Op.TRANSLATE_X, unit="width"),
    "translate_y": _geometry(Op.TRANSLATE_Y, unit="height"),
    "scale": _scale,
    "hflip": _plain(Op.HFLIP),
    "vflip": _plain(Op.VFLIP),
    "perspective": _perspective,
    "crop": _crop,
    "brightness": _factor(Op.BRIGHTNESS),
    "contrast": _factor(Op.CONTRAST),
    "solarize": _solarize,
    "posterize": _posterize,
    "autocontrast": _plain(Op.AUTOCONTRAST),
    "equalize": _plain(Op.EQUALIZE),
    "invert": _plain(Op.INVERT),
    "gamma": _gamma,
    "saturation": _factor(Op.SATURATION),
    "hue": _hue,
    "grayscale": _plain(Op.GRAYSCALE, 0.1),
    "channel_mix": _channel_mix,
    "sharpness": _factor(Op.SHARPNESS),
    "blur": _blur,
    "jitter": _jitter,
    "cutout": _cutout,
    "erasing": _erasing,
}
