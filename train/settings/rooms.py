"""The rooms of techniques that are chosen by name, and which technique has which settings."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from headrace.pipeline.flat_settings import setting_types
from headrace.train.averages import AVERAGES
from headrace.train.losses import LOSSES
from headrace.train.objectives import OBJECTIVES
from headrace.train.optimizers import OPTIMIZERS
from headrace.train.schedules import SCHEDULES
from headrace.train.settings.technique import Technique

ROOMS: dict[str, Mapping[str, str]] = {
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "loss": LOSSES,
    "objective": OBJECTIVES,
    "average": AVERAGES,
}
"""The setting that chooses, and its techniques' names and modules."""


def technique_of(room: str, name: str) -> Any:
    """The module of a technique, imported now."""
    return importlib.import_module(ROOMS[room][name])


def settings_kind(room: str, name: str) -> type[Technique]:
    """The dataclass of a technique's own settings."""
    kind: type[Technique] = technique_of(room, name).Settings
    return kind


def owners(setting: str) -> dict[str, list[str]]:
    """Room to names of the techniques that have a setting; of each technique the file is read."""
    found: dict[str, list[str]] = {}
    for room, techniques in ROOMS.items():
        names = [name for name in techniques if setting in setting_types(settings_kind(room, name))]
        if names:
            found[room] = names
    return found


def refused(setting: str, chosen: Mapping[str, str], shown: str) -> str:
    """Why a setting is refused that techniques have which were not chosen; "" if none has it.

    Args:
        setting: with underscores.
        chosen: room to the name of the technique that was chosen.
        shown: the setting as its user wrote it.
    """
    return "; ".join(
        f"{shown} is a setting of {room} {', '.join(names)}, but the {room} is {chosen[room]}"
        for room, names in owners(setting).items()
        if chosen[room] not in names
    )
