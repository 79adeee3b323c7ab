"""The steps that a recipe can name: one small constructor for each, its keywords the recipe's keys.

Amounts are written as torchvision writes them: a single number is a range about the neutral value,
a pair is the range itself.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from augment import policies
from augment.draws import ChannelMixDraw, DrawSource, PerspectiveDraw, SingleOp
from augment.erase import Cutout, Fill, RandomErasing
from augment.mix import KINDS, Mix
from augment.ops import Op
from augment.passes import AugMix, Jitter, Pass, WarpConfig
from pipeline.errors import ConfigError

Range = float | Sequence[float]


def _number(name: str, value: Any, low: float = 0.0, high: float = float("inf")) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise ConfigError(f"{name} is {value!r}: expected a number in {low:g}..{high:g}")
    return float(value)


def _whole(name: str, value: Any, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ConfigError(f"{name} is {value!r}: expected a whole number in {low}..{high}")
    return value


def _range(
    name: str, value: Any, centre: float | None, low: float = 0.0, high: float = float("inf")
) -> tuple[float, float]:
    """A pair as it is, or a number as the range about ``centre`` (cut off at ``low``)."""
    if isinstance(value, (list, tuple)):
        if len(value) != 2:
            raise ConfigError(f"{name} is {value!r}: expected a number or a pair of numbers")
        pair = (_number(name, value[0], low, high), _number(name, value[1], low, high))
        if pair[0] > pair[1]:
            raise ConfigError(f"{name} is {value!r}: the first number is above the second")
        return pair
    if centre is None:
        amount = _number(name, value, low, high)
        return amount, amount
    amount = _number(name, value, 0.0)
    return max(centre - amount, low), min(centre + amount, high)


def _share(name: str, value: Any) -> float:
    return _number(name, value, 0.0, 1.0)


def _fill(value: Any, mean: tuple[int, ...]) -> Fill:
    if value == "black":
        return Fill()
    if value == "mean":
        return Fill(colour=mean)
    if value == "noise":
        return Fill(noise=True)
    colour = value if isinstance(value, (list, tuple)) else [value]
    if len(colour) not in (1, len(mean)):
        raise ConfigError(
            f"fill is {value!r}: expected black, mean, noise, a byte, or one byte for each of "
            f"{len(mean)} channels"
        )
    return Fill(colour=tuple(_whole("fill", byte, 0, 255) for byte in colour))


def _warp(interpolation: Any, fill: Any, mean: tuple[int, ...]) -> WarpConfig:
    if interpolation not in ("nearest", "bilinear"):
        raise ConfigError(f"interpolation is {interpolation!r}: expected nearest or bilinear")
    outside = _fill(fill, mean)
    if outside.noise:
        raise ConfigError("fill is 'noise': a warp needs a colour: black, mean or bytes")
    return WarpConfig(interpolation=interpolation, fill=outside.colour)


def _single(op: Op, bounds: tuple[float, float], p: Any, **more: Any) -> SingleOp:
    return SingleOp(op=op, low=bounds[0], high=bounds[1], p=_share("p", p), **more)


def _geometry(op: Op, unit: str = "one", tangent: bool = False) -> Callable[..., Pass]:
    """A constructor for an operation whose range is symmetric about zero."""

    def moved(
        amount: Range, p: float, interpolation: str, fill: Any, mean: tuple[int, ...]
    ) -> Pass:
        limit = 89.0 if tangent else float("inf")
        name = "share" if unit != "one" else "degrees"
        low, high = _range(name, amount, 0.0, -limit, limit)
        if tangent:
            low, high = math.tan(math.radians(low)), math.tan(math.radians(high))
        return Pass(
            source=_single(op, (low, high), p, unit=unit), warp=_warp(interpolation, fill, mean)
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
    bounds = _range("factor", factor, None, 0.01, 100.0)
    return Pass(source=_single(Op.SCALE, bounds, p), warp=_warp(interpolation, fill, mean))


def _perspective(
    *,
    distortion: float = 0.5,
    p: float = 0.5,
    interpolation: str = "bilinear",
    fill: Any = "black",
    mean: tuple[int, ...],
) -> Pass:
    source = PerspectiveDraw(distortion=_share("distortion", distortion), p=_share("p", p))
    return Pass(source=source, warp=_warp(interpolation, fill, mean))


def _crop(*, padding: int | float, fill: Any = "black", mean: tuple[int, ...]) -> tuple[Pass, Pass]:
    """A random crop of the padded image is a move by up to the padding, both ways."""
    amount = _number("padding", padding)
    share = isinstance(padding, float)
    warp = _warp("nearest", fill, mean)

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
        low, high = _range("factor", factor, 1.0)
        return Pass(source=_single(op, (low - 1.0, high - 1.0), p))

    return build


def _solarize(*, threshold: Range = 0.5, p: float = 0.5, mean: tuple[int, ...]) -> Pass:
    bounds = _range("threshold", threshold, None, 0.0, 1.0)
    return Pass(source=_single(Op.SOLARIZE, bounds, p))


def _posterize(*, bits: Any = 4, p: float = 0.5, mean: tuple[int, ...]) -> Pass:
    low, high = _range("bits", bits, None, 0, 8)
    return Pass(source=_single(Op.POSTERIZE, (round(low), round(high)), p, whole=True))


def _gamma(*, exponent: Range, p: float = 1.0, mean: tuple[int, ...]) -> Pass:
    return Pass(source=_single(Op.GAMMA, _range("exponent", exponent, 1.0), p))


def _hue(*, turns: Range, p: float = 1.0, mean: tuple[int, ...]) -> Pass:
    return Pass(source=_single(Op.HUE, _range("turns", turns, 0.0, -0.5, 0.5), p))


def _channel_mix(*, strength: float = 0.5, p: float = 1.0, mean: tuple[int, ...]) -> Pass:
    return Pass(source=ChannelMixDraw(strength=_share("strength", strength), p=_share("p", p)))


def _blur(
    *, sigma: Range = (0.1, 2.0), kernel: int = 9, p: float = 0.5, mean: tuple[int, ...]
) -> Pass:
    bounds = _range("sigma", sigma, None, 0.01, 100.0)
    if _whole("kernel", kernel, 1, 99) % 2 == 0:
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
        low, high = _range(name, value, 1.0)
        return low - 1.0, high - 1.0

    return Jitter(
        brightness=offset("brightness", brightness),
        contrast=offset("contrast", contrast),
        saturation=offset("saturation", saturation),
        hue=_range("hue", hue, 0.0, -0.5, 0.5),
        p=_share("p", p),
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
        _share("length", length)
    else:
        _whole("length", length, 1, 65535)
    return Cutout(
        holes=_whole("holes", holes, 1, 64), length=length, p=_share("p", p), fill=_fill(fill, mean)
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
        p=_share("p", p),
        scale=_range("scale", scale, None, 0.0, 1.0),
        ratio=_range("ratio", ratio, None, 0.01, 100.0),
        fill=_fill(fill, mean),
    )


def _trivial(
    *, bins: int = 31, interpolation: str = "nearest", fill: Any = "black", mean: tuple[int, ...]
) -> Pass:
    source = policies.trivial(_whole("bins", bins, 2, 1000))
    return Pass(source=source, warp=_warp(interpolation, fill, mean))


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
    bins = _whole("bins", bins, 2, 1000)
    step = _whole("magnitude", magnitude, 0, bins - 1)
    count = _whole("num_ops", num_ops, 1, 8)
    source = policies.rand(count, step, bins)
    return _ordered(source, order, _warp(interpolation, fill, mean))


def _auto(
    *,
    policy: str = "imagenet",
    order: str = "stages",
    interpolation: str = "nearest",
    fill: Any = "black",
    mean: tuple[int, ...],
) -> Pass:
    if policy not in policies.AUTO_TABLES:
        names = ", ".join(policies.AUTO_TABLES)
        raise ConfigError(f"policy is {policy!r}: expected one of {names}")
    return _ordered(policies.auto(policy), order, _warp(interpolation, fill, mean))


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
    depth = _whole("depth", depth, 0, 8)
    chain = policies.augmix_chain(depth or 3, _whole("severity", severity, 1, 10), bool(all_ops))
    return AugMix(
        chain=chain,
        width=_whole("width", width, 1, 8),
        depth=depth,
        alpha=_number("alpha", alpha, 0.01),
        warp=_warp(interpolation, fill, mean),
    )


def _one_mix(kind: str, parameter: str) -> Callable[..., Mix]:
    def mixed(strength: float, p: float, per: str) -> Mix:
        return _mix_of({kind: 1.0}, {kind: _number(parameter, strength, 0.01)}, p, per)

    if parameter == "beta":

        def by_beta(
            *, beta: float = 0.3, p: float = 1.0, per: str = "batch", mean: tuple[int, ...]
        ) -> Mix:
            return mixed(beta, p, per)

        return by_beta

    def by_alpha(
        *, alpha: float = 1.0, p: float = 1.0, per: str = "batch", mean: tuple[int, ...]
    ) -> Mix:
        return mixed(alpha, p, per)

    return by_alpha


def _mix(
    *,
    of: Mapping[str, float],
    alpha: float = 1.0,
    beta: float = 0.3,
    p: float = 1.0,
    per: str = "batch",
    mean: tuple[int, ...],
) -> Mix:
    strengths = {"mixup": alpha, "cutmix": alpha, "ricap": beta}
    return _mix_of(of, {k: _number("alpha or beta", v, 0.01) for k, v in strengths.items()}, p, per)


def _mix_of(of: Mapping[str, float], strengths: dict[str, float], p: float, per: str) -> Mix:
    if not isinstance(of, Mapping) or not of or set(of) - set(KINDS):
        raise ConfigError(f"of is {of!r}: expected weights of {', '.join(KINDS)}")
    if per not in ("batch", "sample"):
        raise ConfigError(f"per is {per!r}: expected batch or sample")
    weights = tuple(_number(f"weight of {kind}", weight) for kind, weight in of.items())
    if sum(weights) <= 0:
        raise ConfigError(f"of is {dict(of)!r}: expected at least one weight above 0")
    return Mix(
        kinds=tuple(of),
        alphas=tuple(strengths[kind] for kind in of),
        weights=weights,
        p=_share("p", p),
        per=per,
    )


STEPS: dict[str, Callable[..., Any]] = {
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
    "mixup": _one_mix("mixup", "alpha"),
    "cutmix": _one_mix("cutmix", "alpha"),
    "ricap": _one_mix("ricap", "beta"),
    "mix": _mix,
    "trivial": _trivial,
    "rand": _rand,
    "auto": _auto,
    "augmix": _augmix,
}


def build_step(name: str, arguments: Mapping[str, Any], mean: tuple[int, ...]) -> Any:
    """One named step.

    Args:
        name: a key of ``STEPS``.
        arguments: the keys of the recipe's item.
        mean: bytes of the mean colour, for a fill named "mean".

    Raises:
        ConfigError: on an unknown name or key, a missing key or a value out of range.
    """
    if name not in STEPS:
        raise ConfigError(f"unknown step {name!r}: expected choice, {', '.join(STEPS)}")
    constructor = STEPS[name]
    accepted = inspect.signature(constructor).parameters
    known = [key for key in accepted if key != "mean"]
    unknown = sorted(set(arguments) - set(known))
    if unknown:
        raise ConfigError(f"{name}: unknown keys {unknown}: expected {', '.join(known)}")
    missing = [
        key
        for key in known
        if accepted[key].default is inspect.Parameter.empty and key not in arguments
    ]
    if missing:
        raise ConfigError(f"{name}: missing keys {missing}")
    try:
        return constructor(**arguments, mean=mean)
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from None
