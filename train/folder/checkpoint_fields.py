"""What each field of a checkpoint must be, checked where it is read and before any is used."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from headrace.augment.preprocess import Preprocess
from headrace.pipeline.checking import value_text
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flat_settings import setting_types
from headrace.pipeline.limits import LIMITS
from headrace.pipeline.value_types import check_types
from headrace.pipeline.wording import one_line
from headrace.train.models.spec import ModelSpec

Check = Callable[[Any], str]
"""Says what a field was expected to be, "" where it is that."""


def check_fields(content: Mapping[str, Any]) -> None:
    """Refuses a checkpoint in which a field is of another kind than a run saves.

    Args:
        content: all required keys are there.

    Raises:
        ConfigError: naming the field, in one line.
    """
    check_each(content, CHECKS)
    check_count("model", content["model"].get("num_classes"), content["classes"])


def check_each(content: Mapping[str, Any], checks: Mapping[str, Check]) -> None:
    """Asks the check of each field that is there.

    Raises:
        ConfigError: naming the first that is something else.
    """
    for name, wrong in checks.items():
        if name in content and (expected := wrong(content[name])):
            raise ConfigError(f"its {name} is {_brief(content[name])}, expected {expected}")


def check_count(name: str, told: int | None, classes: Sequence[str]) -> None:
    """Refuses another number of classes than are named.

    Args:
        name: of the field that tells a number.
        told: the number, None where it tells none.
        classes: names.

    Raises:
        ConfigError: naming both.
    """
    named = len(classes)
    if told is not None and told != named:
        raise ConfigError(f"its {name} tells {told} classes, but {named} are named in its classes")


def _brief(value: Any) -> str:
    """What a field holds instead, in few words: a tensor's numbers tell nobody anything."""
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    return one_line(value_text(value), 100)


def _model(value: Any) -> str:
    if not _is_texts_to(value, Any):
        return "the model's settings by name"
    if not isinstance(value.get("name"), str):
        return "settings with the model's name"
    known = set(ModelSpec.__dataclass_fields__)
    if unknown := sorted(value.keys() - known):
        return f"no {unknown[0]!r} in it; use the version of Headrace that wrote it"
    size = value.get("size", 1)
    sides = size if isinstance(size, tuple | list) else (size, size)
    if len(sides) != 2 or not all(_is_whole(side, 1, int(LIMITS["size"])) for side in sides):
        return "a size of one or two whole numbers of pixels"
    if not _is_whole(value.get("num_classes", 1), 1, int(LIMITS["classes"])):
        return "a whole number of classes"
    dropout = value.get("dropout", 0.0)
    if type(dropout) not in (int, float) or not 0 <= dropout < 1:
        return "a dropout from 0 to below 1"
    for name in ("spatial_transformer", "whitening"):
        if type(value.get(name, False)) is not bool:
            return f"{name} to be true or false"
    return "" if isinstance(value.get("code", ""), str) else "a hash of the model's code as text"


def _classes(value: Any) -> str:
    is_list = isinstance(value, list | tuple)
    texts = is_list and all(isinstance(name, str) for name in value)
    return "" if texts and value else "a list of the classes' names"


def _preprocess(value: Any) -> str:
    if not _is_texts_to(value, Any):
        return "how images are cut and normalised, by name"
    try:
        check_types(value, setting_types(Preprocess))
        Preprocess.from_dict(value)
    except (ConfigError, TypeError, ValueError, OverflowError) as error:
        return f"another: {one_line(error, 200)}"
    return ""


def _config(value: Any) -> str:
    return "" if _is_texts_to(value, Any) else "the run's settings by name"


def _scores(value: Any) -> str:
    if not _is_texts_to(value, Any):
        return "what is known of its weights, by name"
    for name in ("epochs_done", "epoch", "global_step"):  # the second is the first's earlier name
        if not _is_whole(value.get(name, 0), 0, 2**62):
            return f"{name} in it to be a whole number from 0"
    accuracy = value.get("accuracy")
    return "" if accuracy is None or type(accuracy) in (int, float) else "accuracy to be a number"


def _weights(value: Any) -> str:
    if not _is_texts_to(value, Tensor) or not value:
        return "tensors by name"
    for name, tensor in value.items():
        if tensor.layout is not torch.strided or tensor.device.type != "cpu":
            return f"plain tensors, and {name} is of another kind"
    return ""


def _count(value: Any) -> str:
    return "" if _is_whole(value, 0, 2**62) else "a whole number from 0"


def _text(value: Any) -> str:
    return "" if isinstance(value, str) else "text"


def _mapping(value: Any) -> str:
    return "" if _is_texts_to(value, Any) else "values by name"


def _seconds(value: Any) -> str:
    numbers = _is_texts_to(value, int | float)
    return "" if numbers else "seconds by name"


def _ranks(value: Any) -> str:
    states = isinstance(value, list) and value and all(_is_texts_to(one, Any) for one in value)
    return "" if states else "a list of the processes' states"


def _progress(value: Any) -> str:
    if not _is_texts_to(value, Any):
        return "the run's position by name"
    least = {"epoch": 0, "step": 0, "global_step": 0, "best_epoch": -1, "bad_epochs": 0}
    for name, low in least.items():
        if not _is_whole(value.get(name), low, 2**62):
            return f"{name} in it, a whole number from {low}"
    score = value.get("best_score", value.get("best_accuracy"))
    if type(score) not in (int, float):
        return "best_score in it, a number"
    totals = value.get("totals")
    if not _is_texts_to(totals, int | float) or set(totals) != {"loss", "correct", "count"}:
        return "totals in it, of loss, correct and count"
    return ""


def _is_texts_to(value: Any, kind: Any) -> bool:
    """Whether it is a dict from text to values of a kind."""
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        return False
    return kind is Any or all(isinstance(inner, kind) for inner in value.values())


def _is_whole(value: Any, low: int, high: int) -> bool:
    return type(value) is int and low <= value <= high


CHECKS: dict[str, Check] = {
    "model": _model,
    "classes": _classes,
    "preprocess": _preprocess,
    "config": _config,
    "scores": _scores,
    "weights": _weights,
    "progress": _progress,
    "optimizer": _mapping,
    "scaler": _mapping,
    "ranks": _ranks,
    "seconds": _seconds,
    "epoch_began": _seconds,
    "log_bytes": _count,
    "data_fingerprint": _text,
    "hooks": _mapping,
    "teachers": _text,
}
"""By the keys of checkpoint.py and parts.py."""
