"""A case becomes files: the sound ones, damaged as it says."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path

from tests.fuzz.bases import SHARDS
from tests.fuzz.beton_edits import BetonFile
from tests.fuzz.damage import Damage
from tests.fuzz.shard_edits import ShardFiles


def write_case(damage: Damage, bases: Path, out: Path) -> Path:
    """Writes the damaged files.

    Args:
        bases: as `make_bases` left it.
        out: a file or folder that is not there yet.

    Returns:
        out.
    """
    if damage.base in SHARDS:
        shards = ShardFiles(bases / damage.base)
        for edit in damage.edits:
            shards.edit(edit)
        if damage.resum:
            shards.resum()
        out.mkdir()
        for name, data in shards.finish().items():
            (out / name).write_bytes(data)
        return out
    file = BetonFile(_bytes(bases / damage.base))
    for edit in damage.edits:
        file.edit(edit)
    if damage.resum:
        file.resum()
    out.write_bytes(file.data)
    return out


def remove_case(out: Path) -> None:
    """Removes what `write_case` wrote."""
    if out.is_dir():
        shutil.rmtree(out)
    else:
        out.unlink()


@cache
def _bytes(path: Path) -> bytes:
    return path.read_bytes()
