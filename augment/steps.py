"""The steps that a recipe can name: single operations, the policies, and the mixes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from headrace.augment.operations.colour import COLOUR_STEPS, JITTER_STEPS
from headrace.augment.operations.detail import DETAIL_STEPS
from headrace.augment.operations.erase import ERASE_STEPS
from headrace.augment.operations.geometry import GEOMETRY_STEPS
from headrace.augment.operations.mix import MIX_STEPS, Mix
from headrace.augment.operations.single import Constructor
from headrace.augment.operations.tone import TONE_STEPS
from headrace.augment.passes import Pass
from headrace.augment.policies import POLICY_STEPS
from headrace.augment.protocol import Step
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.near_names import did_you_mean

# Constructors of what a pass carries out, which neighbours in a recipe share.
PASS_STEPS: dict[str, Constructor] = {
    **GEOMETRY_STEPS,
    **TONE_STEPS,
    **COLOUR_STEPS,
    **DETAIL_STEPS,
}
# All constructors; their keywords are the keys of a recipe's item, besides the mean colour.
STEPS: dict[str, Constructor] = {
    **PASS_STEPS,
    **JITTER_STEPS,
    **ERASE_STEPS,
    **MIX_STEPS,
    **POLICY_STEPS,
}


def build_step(name: str, arguments: Mapping[str, Any], mean: tuple[int, ...]) -> Step | Mix:
    """One named step.

    Args:
        name: a key of ``STEPS``.
        arguments: the keys of the recipe's item.
        mean: bytes of the mean colour, for a fill named "mean".

    Raises:
        ConfigError: on an unknown name or key, a missing key or a value out of range.
    """
    if name not in STEPS:
        near = did_you_mean(name, STEPS)
        raise ConfigError(f"unknown step {name!r}: expected choice, {', '.join(STEPS)}{near}")
    constructor = STEPS[name]
    accepted = inspect.signature(constructor).parameters
    known = [key for key in accepted if key != "mean"]
    unknown = sorted(set(arguments) - set(known))
    if unknown:
        near = did_you_mean(unknown[0], known)
        raise ConfigError(f"{name}: unknown keys {unknown}: expected {', '.join(known)}{near}")
    missing = [
        key
        for key in known
        if accepted[key].default is inspect.Parameter.empty and key not in arguments
    ]
    if missing:
        raise ConfigError(f"{name}: missing keys {missing}")
    try:
        built = constructor(**arguments, mean=mean)
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from None
    return Pass(source=built.source, warp=built.warp) if name in PASS_STEPS else built
