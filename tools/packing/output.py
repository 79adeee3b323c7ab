"""What a pack writes, and what may be replaced by it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from headrace.pipeline.containers.beton import is_beton
from headrace.pipeline.containers.npz_arrays import UNREADABLE, read_arrays
from headrace.pipeline.containers.shards import TABLES_NAME, is_tar
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.output_files import names_device
from headrace.pipeline.user_paths import resolved
from headrace.tools.packing.swap import output_names, part_path

Kind = Literal["file", "folder", "tar"]
_LONGEST_NAME_BYTES = 255
# As wds2idx and our own packer begin an index.
_INDEX_HEAD = re.compile(rb"v[0-9]+\.[0-9]+ [0-9]+\r?\n")


@dataclass(frozen=True, kw_only=True)
class Output:
    """Where a pack goes.

    Attributes:
        path: the file or folder.
        kind: one .beton `file`, a `folder` of shards, or one `tar`, which has its index and our
            tables beside it.
        force: what is there already may be replaced, if it is a file or holds our shards only.
    """

    path: Path
    kind: Kind = "file"
    force: bool = False


def named_output(name: str, kind: Kind, force: bool) -> Output:
    """The output that a user names; a link stays, and what it leads to is written.

    Raises:
        ConfigError: the link of a .tar leads to no name from which those beside it can be made.
    """
    path = Path(name)
    if path.is_symlink() and not names_device(path):
        path = resolved(path)
        if kind == "tar" and path.suffix != ".tar":
            raise ConfigError(f"{name} leads to {path}: expected a name that ends in .tar")
    return Output(path=path, kind=kind, force=force)


def check_output(out: Output, *, claimed: bool) -> None:
    """Refuses an output that is there already, or whose folder is not.

    Args:
        out: what will be written.
        claimed: this run has claimed the name. Before that, files beside a .tar that is not there
            may be those of a killed run, which claiming puts right.

    Raises:
        ConfigError: naming what to do.
    """
    path = out.path
    if path.name in ("", ".."):
        raise ConfigError(f"{path} has no name of its own; give the output a name")
    for name in output_names(path):
        if len(os.fsencode(name)) > _LONGEST_NAME_BYTES:
            raise ConfigError(
                f"{name} is too long: expected a name of at most {_LONGEST_NAME_BYTES} bytes"
            )
    if not path.parent.is_dir():
        what = "is a file, not a folder; choose another name"
        if not path.parent.exists():
            what = "does not exist; make it first"
        raise ConfigError(f"the folder {path.parent} {what}")
    beside = [path.with_name(name) for name in output_names(path)[:-1] if out.kind == "tar"]
    beside = [file for file in beside if os.path.lexists(file)]
    if not os.path.lexists(path):
        if beside and (claimed or not os.path.lexists(part_path(path))):
            raise _in_the_way(beside[0], path)
        return
    if path.is_dir() and out.kind != "folder":
        raise ConfigError(
            f"{path} is a folder; name a file, or end it with / to write shards there"
        )
    if out.kind == "folder":
        _check_folder(path)
    elif path.exists() and (not path.is_file() or names_device(path)):
        raise ConfigError(f"{path} is a pipe or a device; choose another name")
    if not out.force:
        raise ConfigError(f"{path} exists; pass --force to replace it")
    for file in beside:
        if not _belongs_to(file, path):
            raise _in_the_way(file, path)


def _in_the_way(file: Path, path: Path) -> ConfigError:
    return ConfigError(
        f"{file} is in the way; move it, or choose another name ({path.name} needs that name for "
        "its own files)"
    )


def _check_folder(folder: Path) -> None:
    """Refuses, even by force, a folder that holds anything but shards that our tables list: it may
    be the images themselves, or somebody's archives."""
    if not folder.is_dir():
        raise ConfigError(f"{folder} is a file; choose another name for the folder of shards")
    shards = _listed_shards(folder / TABLES_NAME)
    ours = {TABLES_NAME, *shards, *(Path(s).with_suffix(".idx").name for s in shards)}
    for entry in sorted(folder.iterdir()):
        if not shards or entry.name not in ours or not entry.is_file():
            raise ConfigError(
                f"{folder} exists and holds more than shards of an earlier pack ({entry.name}); "
                "choose another name"
            )


def check_apart(out: Output, source: Path) -> None:
    """Refuses, even by force, an output that is a file of the data set itself.

    Args:
        out: what will be written.
        source: the folder to pack, or a list file in it.

    Raises:
        ConfigError: something is there, below the source's folder, that is no record file.
    """
    path = resolved(out.path)
    root = resolved(source.parent if source.is_file() else source)
    if not path.is_file() or root not in path.parents:
        return
    with path.open("rb") as file:
        head = file.read(512)
    if not (is_beton(head) or is_tar(head)):
        raise ConfigError(f"{out.path} is a file of the data set itself; choose another name")


def _belongs_to(file: Path, tar: Path) -> bool:
    """Whether a file beside a .tar is its index, or our tables of it."""
    if not file.is_file():
        return False
    if file.name.endswith(TABLES_NAME):
        return tar.name in _listed_shards(file)
    with file.open("rb") as index:
        return _INDEX_HEAD.match(index.read(64)) is not None


def _listed_shards(tables: Path) -> set[str]:
    """The shards that our tables list; none if there are no such tables."""
    try:
        return {str(name) for name in read_arrays(tables, ["shards"])["shards"].tolist()}
    except (*UNREADABLE, SystemError):  # the last of text that is none
        return set()
