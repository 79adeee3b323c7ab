"""Tells archives from what can be read, and says how each is unpacked.

Signatures after file(1)'s magic. A file that says nothing is what its name says.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

_HEAD_BYTES = 512
_TAR = "tar"
_SIGNATURES = {
    "zip": rb"PK(?:\x03\x04|\x05\x06|\x07\x08)",
    "7z": rb"7z\xbc\xaf\x27\x1c",
    "rar": rb"Rar!\x1a\x07",
    "gz": rb"\x1f\x8b\x08",
    "bz2": rb"BZh[1-9](?:\x31\x41\x59\x26\x53\x59|\x17\x72\x45\x38\x50\x90)",
    "xz": rb"\xfd7zXZ\0",
    "zst": rb"\x28\xb5\x2f\xfd",
    _TAR: rb".{257}ustar(?:\0|  \0)",
}
_PATTERNS = {kind: re.compile(pattern, re.DOTALL) for kind, pattern in _SIGNATURES.items()}
_SHORT = {"tgz": "gz", "tbz2": "bz2", "tbz": "bz2", "txz": "xz", "tzst": "zst"}
"""Endings of a .tar that is compressed, and how."""
_ENDING = re.compile(
    r"(?P<stem>.+?)(?:\.(?P<tar>tar)(?:\.(?P<how>gz|bz2|xz|zst))?"
    r"|\.(?P<short>tgz|tbz2?|txz|tzst)|\.(?P<plain>zip|7z|rar|gz|bz2|xz|zst))",
    re.IGNORECASE | re.DOTALL,
)
_SINGLE = {"gz": "gunzip -k", "bz2": "bunzip2 -k", "xz": "unxz -k", "zst": "unzstd"}
_ZIPPED = frozenset("npz pt pth ckpt docx xlsx pptx odt whl jar".split())
"""Endings of files that are zips inside, and that nobody unpacks."""


@dataclass(frozen=True, kw_only=True)
class Archive:
    """A file that has to be unpacked before it can be read.

    Attributes:
        path: of the file.
        kind: zip, 7z, rar, tar, tar.gz, gz, ...; by its content, else by its name.
        is_broken: whether its name says what its content is not.
    """

    path: Path
    kind: str
    is_broken: bool = False

    @property
    def folder(self) -> Path:
        """Into which `command` unpacks it, or the file that comes out of one that is only
        compressed."""
        match = _ENDING.fullmatch(self.path.name)
        return self.path.with_name(match["stem"] if match else f"{self.path.name}.unpacked")

    @property
    def command(self) -> str:
        """What unpacks it, for a shell."""
        file, folder = shlex.quote(str(self.path)), shlex.quote(str(self.folder))
        if self.kind == "zip":
            return f"unzip -q {file} -d {folder}"
        if self.kind == "7z":
            return f"7z x {file} {shlex.quote(f'-o{self.folder}')}"
        if self.kind == "rar":
            return f"unrar x {file} {shlex.quote(f'{self.folder}/')}"
        if self.kind in _SINGLE:
            return f"{_SINGLE[self.kind]} {file}"
        return f"mkdir -p {folder} && tar xf {file} -C {folder}"

    @property
    def advice(self) -> str:
        """What it is and what to do, to stand behind its name and `is`."""
        if self.is_broken:
            return (
                f"called .{self.kind} and is no such archive: fetch it again, as it may be cut "
                "short, or be a page that was saved in its place"
            )
        if self.kind in _SINGLE:
            return f"compressed ({self.kind}); unpack it first: `{self.command}`"
        return f"an archive ({self.kind}); unpack it first: `{self.command}`"


def archive_at(path: Path) -> Archive | None:
    """The archive that a file is, None if it is none, or cannot be read."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return None
    named = _kind_of_name(path.name)
    # The oldest kind of .tar has no signature.
    found = next((kind for kind, pattern in _PATTERNS.items() if pattern.match(head)), None)
    if found is None:
        return Archive(path=path, kind=named, is_broken=named != _TAR) if named else None
    if found == "zip" and path.suffix.lower().removeprefix(".") in _ZIPPED:
        return None
    if found in _SINGLE and (named == f"{_TAR}.{found}" or _holds_tar(path, found)):
        found = f"{_TAR}.{found}"
    return Archive(path=path, kind=found)


def _kind_of_name(name: str) -> str:
    """`tar.gz` of x.tgz; "" where a name is no archive's."""
    match = _ENDING.fullmatch(name.lower())
    if match is None:
        return ""
    if match["short"]:
        return f"{_TAR}.{_SHORT[match['short']]}"
    if match["tar"]:
        return f"{_TAR}.{match['how']}" if match["how"] else _TAR
    return str(match["plain"])


def _holds_tar(path: Path, how: str) -> bool:
    """Whether a .tar is what is compressed, as far as this Python can look inside."""
    opening: dict[str, type[gzip.GzipFile] | type[bz2.BZ2File] | type[lzma.LZMAFile]] = {
        "gz": gzip.GzipFile,
        "bz2": bz2.BZ2File,
        "xz": lzma.LZMAFile,
    }
    if how not in opening:
        return False
    try:
        with opening[how](path) as file:
            return _PATTERNS[_TAR].match(file.read(_HEAD_BYTES)) is not None
    except (OSError, EOFError, lzma.LZMAError, ValueError):
        return False
