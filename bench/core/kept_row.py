"""Rows of what takes long, kept as JSON beside the run folder that they tell of.

A row is kept together with what was asked for it, so that it is never taken for something else.
What was asked is there before the run begins: a folder of no such run is not overwritten.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from headrace.pipeline.atomic import replacing
from headrace.pipeline.errors import ConfigError, Interrupted
from headrace.pipeline.plain_json import read_json

Row = dict[str, Any]
Asked = Mapping[str, Any]
"""Everything that a row depends on, as JSON can hold it."""


def measured_once(folder: Path, asked: Asked, measure: Callable[[], Row]) -> Row:
    """The row of a run that was finished earlier; else the run is done, and its row kept.

    Args:
        folder: of the run, which `measure` may make, and overwrite where it began it earlier.
        asked: what the row depends on.
        measure: does the run.

    Raises:
        ConfigError: if something else was asked of the run that is kept or was begun there, or the
            folder is not of such a run.
        Interrupted: as `measure` does, and says how the measurement goes on.
    """
    settings = _plain(asked)
    begun = _begun(folder, settings)
    if begun is not None and "row" in begun:
        kept: Row = begun["row"]
        return kept
    if begun is None and os.path.lexists(folder):
        raise ConfigError(
            f"{folder} is not of this benchmark: move it, or give another --out (it would be "
            "overwritten)"
        )
    _write(folder, {"asked": settings})
    try:
        row = measure()
    except Interrupted:
        raise Interrupted(
            f"the same command goes on after what is finished; {folder} begins anew"
        ) from None
    _write(folder, {"asked": settings, "row": row})
    return row


def _begun(folder: Path, now: Row) -> dict[str, Any] | None:
    """What is kept of a run, with its row once it is finished; None if it never began."""
    path = _file(folder)
    if not path.exists():
        return None
    way_out = f"give another --out, or delete {folder} and {path.name}"
    try:
        kept: dict[str, Any] = read_json(path.read_text())
        then = dict(kept["asked"])
    except (ValueError, KeyError, TypeError):
        raise ConfigError(
            f"{path} does not say which settings it was measured with: {way_out}"
        ) from None
    if then != now:
        other = sorted(key for key in then.keys() | now.keys() if then.get(key) != now.get(key))
        told = ", ".join(f"{key} was {then.get(key)!r}, now {now.get(key)!r}" for key in other[:3])
        more = f" and {len(other) - 3} more" if len(other) > 3 else ""
        raise ConfigError(f"{path} was measured with other settings ({told}{more}): {way_out}")
    return kept


def _write(folder: Path, kept: Mapping[str, Any]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with replacing(_file(folder)) as file:
        file.write(json.dumps(kept, indent=1).encode())


def _file(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.json")


def _plain(asked: Asked) -> Row:
    """As it comes back from JSON; paths are names."""
    plain: Row = json.loads(json.dumps(dict(asked), default=str))
    return plain
