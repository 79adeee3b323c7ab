"""The models that answer: their checkpoints, which must mean the same classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from headrace.augment import Preprocess
from headrace.pipeline.drawn_parts import read_draw
from headrace.pipeline.errors import ConfigError, RecordsError
from headrace.pipeline.records import Records
from headrace.train.folder.checkpoint import load_checkpoint
from headrace.train.folder.run_folder import BEST_NAME
from headrace.train.models.saved import saved_model
from headrace.train.settings.config import RunConfig
from headrace.train.settings.config_file import from_flat
from headrace.train.settings.views import ViewConfig
from headrace.train.trials.folder import holds_trials, run_folders


@dataclass(frozen=True, kw_only=True)
class Member:
    """One trained model, as its checkpoint has it.

    Attributes:
        place: what the user called it.
        checkpoint: the file's content.
        classes: class names, by label.
        preprocess: how its images are cut and normalised.
    """

    place: str
    checkpoint: Mapping[str, Any]
    classes: list[str]
    preprocess: Preprocess

    def model(self, device: torch.device, own: str) -> nn.Module:
        """Its model on the device; `own` as of `saved_model`."""
        built = saved_model(self.checkpoint, own, self.place)
        return built.to(device, memory_format=torch.channels_last)

    def amp(self, asked: str) -> str:
        """The setting of mixed precision: as asked, or for `run` one that this device allows."""
        if asked != "run":
            return asked
        return "off" if self.checkpoint["config"].get("amp") == "off" else "auto"

    def views(self) -> ViewConfig:
        """How its run wants it to predict; what is older than that setting asks for nothing."""
        said, names = self.checkpoint["config"], [field.name for field in fields(ViewConfig)]
        told = {name: said[name] for name in names if name in said}
        return from_flat(told, f"{self.place}: config").views

    def run_config(self) -> RunConfig:
        """The settings of the run that it was trained in."""
        return from_flat(self.checkpoint["config"], self.place)


def load_members(places: Sequence[str]) -> list[Member]:
    """Reads checkpoints; a run folder stands for its best.pt, that of several runs for all theirs.

    Raises:
        CheckpointError: if one is missing or damaged.
        ConfigError: if they do not tell the same classes, in the same order.
    """
    members = []
    for place in expanded(places):
        path = Path(place)
        checkpoint = load_checkpoint(path / BEST_NAME if path.is_dir() else path)
        members.append(
            Member(
                place=place,
                checkpoint=checkpoint,
                classes=list(checkpoint["classes"]),
                preprocess=Preprocess.from_dict(checkpoint["preprocess"]),
            )
        )
    first = members[0]
    for other in members[1:]:
        difference = first_difference(first.classes, other.classes)
        if difference:
            raise ConfigError(
                f"{first.place} and {other.place} are no ensemble: {difference}; name checkpoints "
                "that were trained on the same classes"
            )
    return members


def only_member(place: str) -> Member:
    """The one checkpoint of a run.

    Raises:
        ConfigError: if the place holds several runs.
        CheckpointError: if it holds none.
    """
    members = load_members([place])
    if len(members) > 1:
        raise ConfigError(
            f"{place} holds {len(members)} runs, of which one is to be taken; name one of them: "
            f"{members[0].place}"
        )
    return members[0]


def expanded(places: Sequence[str]) -> list[str]:
    """The places with the runs of --folds or --repeats in the place of their folder."""
    found: list[str] = []
    for place in places:
        found += map(str, run_folders(Path(place))) if holds_trials(place) else [place]
    return found


def check_classes(records: Records, classes: list[str]) -> None:
    """Refuses data whose labels mean something else than the model's.

    Raises:
        ConfigError: naming the first class that differs.
    """
    theirs = list(records.manifest.classes)
    if not theirs or theirs == classes or not (records.labels >= 0).any():
        return
    for number, (own, other) in enumerate(zip(classes, theirs, strict=False)):
        if own != other:
            raise ConfigError(
                f"the model's class {number} is {own!r}, in {records.source} it is {other!r}; "
                "predict on data packed with the same classes"
            )
    raise ConfigError(
        f"the model knows {len(classes)} classes, {records.source} has {len(theirs)}; "
        "predict on data packed with the same classes"
    )


def selected(records: Records, split: str | None, members: Sequence[Member]) -> np.ndarray:
    """(n,) the records of a split, None for all.

    Raises:
        RecordsError: if there is no such split, naming what the run held out if that was drawn.
    """
    try:
        return records.select(split)
    except RecordsError as error:
        held = {str(member.checkpoint["config"].get("val_split", "")) for member in members}
        drawn = held.pop() if len(held) == 1 else ""
        hint = f"; what the run held out is --split '{drawn}'" if read_draw(drawn) else ""
        raise RecordsError(f"{error}{hint}") from None


def first_difference(one: list[str], other: list[str]) -> str:
    """Where two lists of class names part, "" if they do not."""
    for number, (own, theirs) in enumerate(zip(one, other, strict=False)):
        if own != theirs:
            return f"class {number} is {own!r} for one, {theirs!r} for the other"
    same = len(one) == len(other)
    return "" if same else f"one knows {len(one)} classes, the other {len(other)}"
