"""How a new run cuts images, settled before it begins: for its data, alike on both sides."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from headrace.pipeline.crops import EVALUATION
from headrace.pipeline.crops.fitting import fit, fit_line
from headrace.pipeline.crops.geometry import USUAL_GEOMETRY
from headrace.pipeline.crops.settings import CropConfig
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flat_settings import flag_of, with_values
from headrace.pipeline.records import Records
from headrace.train.settings.config import RunConfig

WHOLE = {
    "squash": "the whole image, squeezed out of shape",
    "letterbox": "the whole image within black",
    "centre": "the middle of the image",
}
"""Ways of cutting that draw nothing, and what is seen of an image."""


def settle_crop(config: RunConfig, records: Records, say: Callable[[str], None]) -> RunConfig:
    """A run's settings with the size and the geometry that it has from now on.

    Args:
        config: of a run that begins; nothing may change in one that goes on.
        records: its data.
        say: shows a line to the user.

    Raises:
        ConfigError: if it would learn from one view of whole images and be measured on another,
            without both having been said.
    """
    said = config.data.crop
    crop = fit(said, records.heights, records.widths)
    if line := fit_line(said, crop, flag_of):
        say(line)
    if line := other_view(crop, records.heights, records.widths):
        if said.crop_mode is None or said.eval_mode is None:
            train, evaluation = learnt_from(crop), crop.mode(train=False)
            raise ConfigError(
                f"{line}: take --geometry {train} or {evaluation} for both, or say both, "
                f"--crop-mode {crop.mode(train=True)} --eval-mode {evaluation}, if it is meant"
            )
        say(line)
    both_said = said.crop_mode is not None and said.eval_mode is not None
    geometry = crop.geometry or (None if both_said else USUAL_GEOMETRY)
    return with_values(config, {"size": crop.side(train=True), "geometry": geometry})


def settled_as(config: RunConfig, earlier: RunConfig) -> RunConfig:
    """The settings with what had been settled of a run, as far as they do not say it themselves."""
    said, settled = config.data.crop, earlier.data.crop
    names = [name for name in ("size", "geometry") if getattr(said, name) is None]
    return with_values(config, {name: getattr(settled, name) for name in names})


def other_view(crop: CropConfig, heights: np.ndarray, widths: np.ndarray) -> str:
    """In which way evaluation sees other pictures than all that training does; "" if it does not.

    Args:
        crop: the settings.
        heights, widths: (N,) stored pixels of all records.
    """
    train, evaluation = learnt_from(crop), crop.mode(train=False)
    if train in ("", evaluation):
        return ""
    height, width = crop.shape(train=True)
    same_shape = bool(np.all(heights * width == widths * height))
    if same_shape and crop.eval_share == 1:
        return ""  # of such images every way of cutting takes all
    return f"training shows {WHOLE[train]}, evaluation {WHOLE[evaluation]}"


def learnt_from(crop: CropConfig) -> str:
    """The way of evaluating that shows all that training does; "" where crops are drawn."""
    mode, (low, high) = crop.mode(train=True), crop.crop_ratio
    if mode == "random-resized" and crop.crop_scale[0] == 1 and low < high:
        return "squash"  # a box of the whole area is the whole image, whatever its shape
    return mode if mode in EVALUATION else ""
