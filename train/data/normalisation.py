"""Which mean and deviation the model's input is normalised with, in training and ever after."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from headrace.augment.preprocess import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    Preprocess,
    Statistics,
    data_statistics,
)
from headrace.pipeline.crops.settings import CropConfig
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.records import Records
from headrace.train.models.statistics import published_statistics
from headrace.train.models.weights_file import read_statistics
from headrace.train.settings.config import ModelConfig

FIXED: dict[str, tuple[Statistics, str]] = {
    "imagenet": ((IMAGENET_MEAN, IMAGENET_STD), "ImageNet's"),
    "half": (((0.5,) * 3, (0.5,) * 3), "one half"),
    "none": (((0.0,) * 3, (1.0,) * 3), "none"),
}
"""Values of --normalise that look at nothing, and their names for people."""


def make_preprocess(
    model: ModelConfig,
    crop: CropConfig,
    records: Records,
    checkpoint: Mapping[str, Any] | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Preprocess:
    """The evaluation's crop and the normalisation, which a checkpoint decides where there is one.

    Args:
        model: with --normalise and what the model starts from.
        crop: how evaluation cuts.
        records: whose mean and deviation may be taken.
        checkpoint: of the run that goes on, or None.
        say: shows a line to the user.

    Raises:
        ConfigError: if what --normalise names is not known of the data or the weights.
    """
    if checkpoint is not None:
        earlier = Preprocess.from_dict(checkpoint["preprocess"])
        (mean, std), whose = (earlier.mean, earlier.std), "as before"
    else:
        (mean, std), whose = statistics_of(model, records)
    say(f"normalisation: mean {_numbers(mean)}, deviation {_numbers(std)} ({whose})")
    return Preprocess.of_crop(crop, mean, std)


def statistics_of(model: ModelConfig, records: Records) -> tuple[Statistics, str]:
    """Mean and deviation of a new run, and whose they are.

    Raises:
        ConfigError: as above.
    """
    asked, start = model.normalise, model.weights or model.model
    if asked in FIXED:
        return FIXED[asked]
    unknown = ""
    if asked in ("auto", "model") and (model.pretrained or model.weights):
        found = read_statistics(model.weights) if model.weights else published_statistics(start)
        if found is not None:
            return found, f"those of the weights of {start}"
        unknown = f"; {start} does not tell its own"
    if asked == "model":
        raise ConfigError(
            f"--normalise is 'model', but {start} does not tell the mean and deviation of its "
            "weights; give the ones of their training: data, imagenet, half or none"
        )
    own = data_statistics(records)
    if own is not None:
        whose = "the data's" if len(records.files) == 1 else f"those of {records.path}"
        return own, f"{whose}{unknown}"
    if asked == "data":
        raise ConfigError(
            f"--normalise is 'data', but {records.path} holds no mean and deviation of its images; "
            "pack it, or give imagenet, half or none"
        )
    return FIXED["imagenet"][0], f"ImageNet's; {records.path} holds none of its own{unknown}"


def _numbers(values: tuple[float, ...]) -> str:
    return " ".join(f"{value:.3g}" for value in values)
