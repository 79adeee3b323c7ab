"""--json FILE of commands: what was done, for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import arg

from headrace.pipeline.output_files import check_apart, check_writable, written

JsonFile = Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="")]
"""Type of a command's field `json`."""


def check_json(path: Path | None, *others: str | Path) -> None:
    """Refuses a file that cannot be written, or that would replace another, before any work.

    Raises:
        ConfigError: saying why.
    """
    if path is not None:
        check_apart({"--json": str(path)}, [str(other) for other in others])
        check_writable(path, "--json")


def write_json(path: Path | None, told: Mapping[str, Any]) -> None:
    """Writes what a command has done, where that was asked for.

    A byte of a name that is not UTF-8 comes out as JSON's own escape; paths are names.

    Raises:
        FailedError: if the file cannot be written.
    """
    if path is not None:
        with written(path) as file:
            file.write(json.dumps(told, indent=1, default=str).encode() + b"\n")
