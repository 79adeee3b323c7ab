"""Where there is no run: those that lie in the folder that was named, or beside what is not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from headrace.pipeline import trained
from headrace.train.folder.run_folder import GENERATOR_NAME, OWN_NAMES

TRIALS_NAME = trained.TRIALS_NAME
"""What tells that a folder is that of several runs."""
_SHOWN = 3


def runs_inside(folder: Path, names: Sequence[str]) -> list[Path]:
    """The folders in a folder in which one of these files is; none where it cannot be read."""
    try:
        inside = sorted(path for path in folder.iterdir() if path.is_dir())
    except OSError:
        return []
    return [path for path in inside if any((path / name).is_file() for name in names)]


def name_a_run(folder: Path, otherwise: str, *wanted: str) -> str:
    """What to do where a folder holds no run itself.

    Args:
        folder: which was named, or in which what was named is not.
        otherwise: what to say if no run is in it.
        wanted: files of which a run needs one; any of a run's by default.
    """
    names = [*(wanted or OWN_NAMES), *([] if GENERATOR_NAME in wanted else [TRIALS_NAME])]
    found = runs_inside(folder, names)
    if not found:
        return otherwise
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    listed = ", ".join(map(str, found[:_SHOWN]))
    return f"name one of the run folders in {folder}: {listed}{more}"
