"""The run's settings, and which of them are not the preset's, or not the defaults."""

from __future__ import annotations

import dataclasses
from typing import Any

import yaml

from headrace.train.presets import load_preset, preset_names
from headrace.train.reporting.elements import NONE, Column, Section, Table, text_cell
from headrace.train.reporting.run_log import RunLog
from headrace.train.reporting.subject import Subject
from headrace.train.settings.config import RunConfig
from headrace.train.settings.config_file import to_flat
from headrace.train.settings.words import peek

OF_THE_PLACE = frozenset("data out overwrite resume device workers report".split())
"""Where a run is done, not what: these differ always and say nothing."""


def make(subject: Subject) -> Section:
    """All settings, those that differ first."""
    log = subject.log
    preset = subject.asked.preset or preset_of(log)
    base = load_preset(preset) if preset else defaults_of(log.config)
    words = f"the preset {preset}" if preset else "the defaults"
    beside = f"preset {preset}" if preset else "default"
    return section(to_flat(log.config), to_flat(base), words, beside)


def section(flat: dict[str, Any], other: dict[str, Any], words: str, beside: str) -> Section:
    """All settings, those that differ first.

    Args:
        flat: the run's.
        other: what they are compared with.
        words, beside: what these are called, in a sentence and above a column.
    """
    differing = [key for key in flat if key not in OF_THE_PLACE and flat[key] != other.get(key)]
    return Section(
        id="run_settings",
        title="Settings",
        values={
            "beside": words,
            "differing": _table(
                "differing", f"Settings unlike the {beside}", differing, flat, beside, other
            ),
            "all": _table("all-settings", "All settings", list(flat), flat),
        },
    )


def preset_of(log: RunLog) -> str:
    """The preset that the run's own command named; "" if none, or if it is not known."""
    command = log.start.get("environment", {}).get("command", [])
    name = peek([str(word) for word in command[1:]], "--preset")
    return name if name in preset_names() else ""


def defaults_of(config: RunConfig) -> RunConfig:
    """The defaults, of the same techniques."""
    base = RunConfig()
    return dataclasses.replace(base, optim=base.optim.choosing(config.optim.chosen))


def value_text(value: Any) -> str:
    """A setting as YAML has it, in one line."""
    if isinstance(value, str):
        return value or NONE
    if value is None:
        return "by default"
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10_000)
    return text.removesuffix("\n...\n").strip()


def _table(
    id: str,
    caption: str,
    keys: list[str],
    flat: dict[str, Any],
    beside: str = "",
    other: dict[str, Any] | None = None,
) -> Table:
    columns = [Column(name="Setting"), Column(name="This run")]
    columns += [Column(name=beside.capitalize())] if other is not None else []
    rows = []
    for key in keys:
        row = [text_cell(key), text_cell(value_text(flat[key]))]
        if other is not None:
            row.append(text_cell(value_text(other[key]) if key in other else "not of it"))
        rows.append(row)
    return Table(id=id, caption=caption, columns=columns, rows=rows)
