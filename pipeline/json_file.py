"""--json FILE of commands: what was done, for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from tyro.conf import arg

from headrace.pipeline.output_files import check_apart, check_ending, check_writable, written
from headrace.pipeline.plain_json import finite

JsonFile = Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="")]
"""Type of a command's field `json`."""


def check_json(path: Path | None, *read: str | Path) -> None:
    """Refuses a file that cannot be written, or that would replace another, before any work.

    Args:
        path: of --json; its name has to end in .json, as that of no image, record file, checkpoint,
            page or settings does, or to lie in /dev.
        read: what else may be called so, and is read.

    Raises:
        ConfigError: saying why.
    """
    if path is None:
        return
    check_ending(path, "--json", ".json")
    check_apart({"--json": str(path)}, [str(other) for other in read])
    check_writable(path, "--json")


def write_json(path: Path | None, told: Mapping[str, Any]) -> None:
    """Writes what a command has done, where that was asked for.

    A byte of a name that is not UTF-8 comes out as JSON's own escape; paths are names.

    Raises:
        FailedError: if the file cannot be written.
    """
    if path is not None:
        with written(path) as file:
            text = json.dumps(finite(told), indent=1, default=_plain, allow_nan=False)
            file.write(text.encode() + b"\n")


def _plain(value: Any) -> str:
    """A path as its name; anything else is a fault of the caller's."""
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} is nothing that JSON can say")
