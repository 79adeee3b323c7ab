"""Puts finished shards in the place of older ones, so that a run killed meanwhile can be undone.

Everything happens inside one work folder beside the output::

    new/    what is being written, by the names it will have
    old/    what had these names; it is there from the first of several renames on

The output's own name comes last: while it is missing from `new/` and is in its place, all is done.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from headrace.pipeline.atomic import shortened, sync_folder
from headrace.pipeline.containers.shards import tables_path
from headrace.pipeline.errors import ConfigError
from headrace.tools.packing.renames import exchange, rename_new


def part_path(out: Path) -> Path:
    """The file that claims an output; see tools/packing/claim.py."""
    return out.with_name(shortened(out.name) + ".part")


def output_names(out: Path) -> list[str]:
    """The names that an output consists of, its own last: a single .tar has its index and tables
    beside it."""
    if out.suffix != ".tar":
        return [out.name]
    return [out.with_suffix(".idx").name, tables_path(out).name, out.name]


def swap_in(out: Path, work: Path, force: bool) -> None:
    """Moves what lies in `work/new` to its place; `settle` has to follow, whatever happens here.

    Args:
        out: the output.
        work: the work folder.
        force: move away what has these names.

    Raises:
        ConfigError: something has one of the names, and `force` was not given.
        OSError: a name cannot be changed.
    """
    old, new, place = work / "old", work / "new", out.parent
    names = output_names(out)
    lone_folder = force and len(names) == 1 and os.path.lexists(out)
    if lone_folder and exchange(new / out.name, out):
        sync_folder(place)
        return
    old.mkdir()
    if force:
        # The .tar first: without it an index or tables of another one open nothing.
        for name in reversed(names):
            if os.path.lexists(place / name):
                rename_new(place / name, old / name)
        sync_folder(place)
    for name in names:
        _rename_free(new / name, place / name)
    sync_folder(place)


def settle(out: Path, work: Path) -> None:
    """Ends what was begun in a work folder: all of it is in place, or what was there before is.

    May itself be interrupted, and be called again for the same folder by another run.

    Args:
        out: the output.
        work: the work folder; may be missing.

    Raises:
        ConfigError: what was moved away cannot be put back, since something is there now.
        OSError: a name cannot be changed.
    """
    old, new, place = work / "old", work / "new", out.parent
    if old.is_dir() and os.path.lexists(new / out.name):
        names = output_names(out)
        for name in names:  # what is no longer in new/ has been moved to its place
            if not os.path.lexists(new / name) and os.path.lexists(place / name):
                rename_new(place / name, new / name)
        for name in names:
            if os.path.lexists(old / name):
                _rename_free(old / name, place / name)
        sync_folder(place)
        old.rmdir()  # before anything else goes: it says that there is something to put back
    shutil.rmtree(work, ignore_errors=True)


def _rename_free(source: Path, target: Path) -> None:
    try:
        rename_new(source, target)
    except FileExistsError:
        raise ConfigError(f"{target} is in the way; move it ({source} belongs there)") from None
