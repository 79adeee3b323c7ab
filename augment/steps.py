"""The steps that a recipe can name: those of single images, the policies, and the mixes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from headrace.augment import policies
from headrace.augment.amounts import number, share_of_one, warp_of, whole
from headrace.augment.draws import DrawSource
from headrace.augment.operations.geometry import IMAGE_STEPS
from headrace.augment.operations.mix import KINDS, Mix
from headrace.augment.passes import AugMix, Pass, WarpConfig
from headrace.pipeline.errors import ConfigError


def _trivial(
    *, bins: int = 31, interpolation: str = "nearest", fill: Any = "black", mean: tuple[int, ...]
) -> Pass:
    source = policies.trivial(whole("bins", bins, 2, 1000))
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
    source = policies.rand(count, step, bins)
    return _ordered(source, order, warp_of(interpolation, fill, mean))


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
    return _ordered(policies.auto(policy), order, warp_of(interpolation, fill, mean))


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
    chain = policies.augmix_chain(depth or 3, whole("severity", severity, 1, 10), bool(all_ops))
    return AugMix(
        chain=chain,
        width=whole("width", width, 1, 8),
        depth=depth,
        alpha=number("alpha", alpha, 0.01),
        warp=warp_of(interpolation, fill, mean),
    )


def _one_mix(kind: str, parameter: str) -> Callable[..., Mix]:
    def mixed(strength: float, p: float, per: str) -> Mix:
        return _mix_of({kind: 1.0}, {kind: number(parameter, strength, 0.01)}, p, per)

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
    return _mix_of(of, {k: number("alpha or beta", v, 0.01) for k, v in strengths.items()}, p, per)


def _mix_of(of: Mapping[str, float], strengths: dict[str, float], p: float, per: str) -> Mix:
    if not isinstance(of, Mapping) or not of or set(of) - set(KINDS):
        raise ConfigError(f"of is {of!r}: expected weights of {', '.join(KINDS)}")
    if per not in ("batch", "sample"):
        raise ConfigError(f"per is {per!r}: expected batch or sample")
    weights = tuple(number(f"weight of {kind}", weight) for kind, weight in of.items())
    if sum(weights) <= 0:
        raise ConfigError(f"of is {dict(of)!r}: expected at least one weight above 0")
    return Mix(
        kinds=tuple(of),
        alphas=tuple(strengths[kind] for kind in of),
        weights=weights,
        p=share_of_one("p", p),
        per=per,
    )


STEPS: dict[str, Callable[..., Any]] = {
    **IMAGE_STEPS,
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
