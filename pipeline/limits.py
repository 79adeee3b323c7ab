"""How far the numbers of settings may go, what text may hold, and what of it a help says.

Every command's flags, YAML files and Python's settings pass through here, so that no number is
large enough to overflow, or to be worked at for ever, and no path holds what a system refuses.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterable
from numbers import Real
from os import PathLike, fspath
from typing import Any

from headrace.pipeline.checking import check

MOST = 1_000_000_000
"""Of any number that is not named below, above 0 and below it."""
LIMITS: dict[str, float] = {
    "accumulate": 1_000_000,
    "adapter_rank": 65_536,
    "aug_repeats": 1000,
    "batch_size": 1_048_576,
    "classes": 1_000_000,
    "columns": 1000,
    "copies": 1000,
    "draws": 64,
    "epoch_images": 10_000_000,
    "epochs": 1_000_000,
    "eval_sharpness": math.inf,
    "eval_size": 4096,
    "images": 1_000_000,
    "lr_base_batch": 1_048_576,
    "max_side": 65_535,
    "memory": 1_000_000,
    "newton_steps": 100,
    "page_size": 1024,
    "pretrain_epochs": 1_000_000,
    "records": 100_000_000,
    "repeat": 10_000,
    "repeats": 1000,
    "samples": 64,
    "seed": 2**63 - 1,
    "seeds": 1000,
    "shard_size": 1_048_576,
    "sharpness": math.inf,
    "size": 4096,
    "source": 65_535,
    "split_seed": 10**18 - 1,
    "test": 1_000_000,
    "train": 1_000_000,
    "valid": 1_000_000,
    "workers": 1024,
}
"""Settings, in every command that has them, to the most that they may be; inf where that has a
meaning."""
_POWERS: dict[float, str] = {2**63 - 1: "2**63 - 1", 10**18 - 1: "10**18 - 1"}
_DEVICE = re.compile(r"auto|(cpu|cuda)(:[0-9]{1,3})?")


def check_limits(settings: Any) -> None:
    """Refuses numbers that are out of bounds, text with a NUL, and devices that none is called.

    Args:
        settings: a dataclass that has been filled in; nested ones are looked at too.

    Raises:
        ConfigError: naming the setting, its value and what was expected.
    """
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if dataclasses.is_dataclass(value):
            check_limits(value)
        else:
            _check_value(field.name, value)


def _check_value(name: str, value: Any) -> None:
    if isinstance(value, tuple | list):
        for part in value:
            _check_value(name, part)
    elif isinstance(value, str | PathLike):
        text = fspath(value)
        check("\0" not in str(text), name, text, "text without a NUL character")
        if name == "device" and isinstance(value, str):
            check(_DEVICE.fullmatch(value) is not None, name, value, "auto, cpu or cuda[:N]")
    elif isinstance(value, Real) and not isinstance(value, bool):
        most = LIMITS.get(name, MOST)
        value = value if isinstance(value, int) else float(value)
        check(value == value, name, value, "a number")  # only nan differs from itself
        endless = most == math.inf or abs(value) != math.inf
        check(endless, name, value, f"a finite number, of at most {_shown(most)}")
        check(value <= most, name, value, f"at most {_shown(most)}")
        check(value >= -MOST, name, value, f"at least {-MOST}")


def limits_line(names: Iterable[str]) -> str:
    """What a help says of numbers.

    Args:
        names: settings that it shows.
    """
    known = {name: LIMITS[name] for name in dict.fromkeys(names) if name in LIMITS}
    parts = [f"--{name.replace('_', '-')} {_shown(most)}" for name, most in known.items()]
    own = f"; of these at most: {', '.join(parts)}" if parts else ""
    return f"Numbers are finite and at most {MOST}{own}."


def _shown(most: float) -> str:
    if most in _POWERS:
        return _POWERS[most]
    return "inf" if most == math.inf else str(most)
