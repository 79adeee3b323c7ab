"""A validation split that is drawn when a run begins, as --val-fraction asks for."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from headrace.pipeline.drawn_parts import BAR, DrawnPart, read_draw
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flat_settings import with_values
from headrace.pipeline.records import Records
from headrace.pipeline.stratified import check_val_fraction
from headrace.train.data.labels import held_out
from headrace.train.settings.config import DataConfig, RunConfig


def with_val_fraction(config: RunConfig, fraction: float, seed: int) -> RunConfig:
    """The settings with a share of each class of the training split held out.

    Both parts are written as expressions, so that the settings say which samples they are.

    Args:
        config: whose --train-split is divided.
        fraction: of each class; 0 leaves all as it is.
        seed: of the draw.

    Raises:
        ConfigError: for no such share, or another validation split beside it.
    """
    if fraction == 0:
        return config
    check_val_fraction(fraction)
    data = config.data
    if data.val_split != DataConfig().val_split:
        raise ConfigError(
            f"--val-fraction {fraction} and --val-split {data.val_split} exclude each other: both "
            "say what is held out; leave one out"
        )
    percent = Decimal(repr(fraction)) * 100
    held = DrawnPart(whole=data.train_split, percent=round(percent, 6), seed=seed)
    return with_values(config, {"train_split": str(held.rest), "val_split": str(held)})


def drawn_line(records: Records, data: DataConfig) -> str:
    """What to say of a validation split that was drawn; "" where it was not."""
    draw = None if data.val_split in records.splits else read_draw(data.val_split)
    if draw is None:
        return ""
    chosen = held_out(records, data.val_split)
    whole = records.select(draw.whole)
    usual = DataConfig().val_split
    own = records.split(usual) if usual in records.splits else range(0)
    is_apart = len(own) and not np.isin(whole, own).any()
    unused = f"; the data's own split {usual} takes no part" if is_apart else ""
    part = str(draw).rpartition(BAR)[2].strip()
    return (
        f"held out: {len(chosen)} of the {len(whole)} samples of {draw.whole}, drawn in each class "
        f"({part}){unused}"
    )
