"""A source tree, a wheel and an sdist that hold nothing of when and where they were made.

setuptools takes SOURCE_DATE_EPOCH for the times in a wheel, and the file mask for the modes of what
it adds. An sdist gets the times, owners and modes of its files as they lie there, and the time of
packing in its gzip header.
"""

from __future__ import annotations

import gzip
import io
import os
import shutil
import stat
import tarfile
import zipfile
from pathlib import Path

from headrace.tools.releasing.checkout import git


def exported(root: Path, target: Path) -> None:
    """Copies what git follows, links as links, with git's two modes.

    Args:
        root: a checkout.
        target: a folder that does not exist.

    Raises:
        ConfigError: if it is no checkout.
    """
    for name in map(os.fsdecode, git(root, "ls-files", "-z").split(b"\0")[:-1]):
        source, place = root / name, target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, place, follow_symlinks=False)
        if not place.is_symlink():
            place.chmod(_mode(bool(source.stat().st_mode & 0o100)))


def steady_sdist(path: Path, seconds: int) -> None:
    """Writes a .tar.gz anew: members by name, of one time, nobody's, with one of two modes.

    Args:
        path: what setuptools has made.
        seconds: since 1970.
    """
    packed = io.BytesIO()
    with tarfile.open(path) as source:
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as target:
            for member in sorted(source.getmembers(), key=lambda member: member.name):
                member.mtime, member.uid, member.gid = seconds, 0, 0
                member.uname, member.gname, member.pax_headers = "", "", {}
                member.mode = _mode(member.isdir() or bool(member.mode & 0o100))
                target.addfile(member, source.extractfile(member) if member.isfile() else None)
    with path.open("wb") as file:
        with gzip.GzipFile("", "wb", compresslevel=9, fileobj=file, mtime=seconds) as zipped:
            zipped.write(packed.getvalue())


def steady_wheel(path: Path) -> None:
    """Writes a wheel anew with one of two modes for each file; what is in it stays as it is."""
    packed = io.BytesIO()
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(packed, "w") as target:
        for member in source.infolist():
            executable = bool(member.external_attr >> 16 & 0o100)
            member.external_attr = (stat.S_IFREG | _mode(executable)) << 16
            target.writestr(member, source.read(member))
    path.write_bytes(packed.getvalue())


def _mode(executable: bool) -> int:
    return 0o755 if executable else 0o644
