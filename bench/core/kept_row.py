"""Rows of what takes long, kept as JSON beside the run folder that they tell of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from headrace.pipeline.atomic import replacing

Row = dict[str, Any]


def kept_row(folder: Path) -> Row | None:
    """The row of a run that was finished earlier; None if it was not."""
    path = folder.with_suffix(".json")
    row: Row | None = json.loads(path.read_text()) if path.exists() else None
    return row


def keep_row(folder: Path, row: Mapping[str, Any]) -> Row:
    """Keeps the row of a run that is finished, and gives it back."""
    with replacing(folder.with_suffix(".json")) as file:
        file.write(json.dumps(row, indent=1).encode())
    return dict(row)
