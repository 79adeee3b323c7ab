"""Rows of what takes long, kept as JSON beside the run folder that they tell of.

A row is kept together with what was asked for it, so that it is never taken for something else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from headrace.pipeline.atomic import replacing
from headrace.pipeline.errors import ConfigError

Row = dict[str, Any]
Asked = Mapping[str, Any]
"""Everything that a row depends on, as JSON can hold it."""


def kept_row(folder: Path, asked: Asked) -> Row | None:
    """The row of a run that was finished earlier; None if it was not.

    Raises:
        ConfigError: if something else was asked then, or it is not known what was.
    """
    path = _file(folder)
    if not path.exists():
        return None
    kept = json.loads(path.read_text())
    way_out = f"give another --out, or delete {folder} and {path.name}"
    if "asked" not in kept:
        raise ConfigError(f"{path} does not say which settings it was measured with: {way_out}")
    then, now = kept["asked"], _plain(asked)
    if then != now:
        other = sorted(key for key in then.keys() | now.keys() if then.get(key) != now.get(key))
        told = ", ".join(f"{key} was {then.get(key)!r}, now {now.get(key)!r}" for key in other[:3])
        more = f" and {len(other) - 3} more" if len(other) > 3 else ""
        raise ConfigError(f"{path} was measured with other settings ({told}{more}): {way_out}")
    row: Row = kept["row"]
    return row


def keep_row(folder: Path, asked: Asked, row: Mapping[str, Any]) -> Row:
    """Keeps the row of a run that is finished, and gives it back."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with replacing(_file(folder)) as file:
        file.write(json.dumps({"asked": _plain(asked), "row": dict(row)}, indent=1).encode())
    return dict(row)


def _file(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.json")


def _plain(asked: Asked) -> dict[str, Any]:
    """As it comes back from JSON; paths are names."""
    plain: dict[str, Any] = json.loads(json.dumps(dict(asked), default=str))
    return plain
