"""Text files of others, lists and class names: in which encoding each is."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from headrace.pipeline.archives import archive_at
from headrace.pipeline.errors import ConfigError

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8"),
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
_OF_ISO_2022 = re.compile(rb"\x1b[$(]")
"""What ISO-2022-JP marks a script by; its bytes are UTF-8, too."""
_SHOWN = 60


def check_encoding(name: str) -> None:
    """Refuses what is no encoding of text.

    Raises:
        ConfigError: it is none.
    """
    try:
        "".encode(name)
    except (LookupError, ValueError) as error:
        raise ConfigError(
            f"--encoding {name}: no encoding that Python knows; expected one such as cp1252, "
            "cp1251, koi8-r, gb18030, big5, shift_jis or euc-kr"
        ) from error


def read_text(path: Path, encoding: str | None = None) -> tuple[str, str]:
    """A text file and the encoding that it is in: by its BOM, else UTF-8 or UTF-16.

    Args:
        path: the file.
        encoding: of a file that is in none of these; None: nobody knows.

    Raises:
        ConfigError: it cannot be read, is no text, or its encoding is not known.
    """
    archive = archive_at(path)
    if archive is not None and not archive.is_broken:
        raise ConfigError(f"{path} is {archive.advice}")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from error
    for bom, of_bom, title in _BOMS:
        if data.startswith(bom):
            return _decoded(path, data, of_bom), title
    head = data[:4096]
    if b"\0" in head:
        even, odd = head[::2].count(0), head[1::2].count(0)
        half = len(head) / 2
        if max(even, odd) < 0.4 * half or min(even, odd) > 0.1 * half:
            raise ConfigError(f"{path} is no text")
        return _decoded(path, data, "utf-16-be" if even > odd else "utf-16-le"), "UTF-16"
    try:
        text, marked = data.decode("utf-8"), _OF_ISO_2022.search(data)
        place = marked.start() if marked else None
    except UnicodeDecodeError as error:
        place = error.start
    if place is None:
        return text, "UTF-8"
    if encoding is None:
        raise _unknown(path, data, place)
    try:
        return data.decode(encoding), encoding
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"{path}: line {line} is neither UTF-8 nor {encoding}, as --encoding says: {error}"
        ) from error


def _decoded(path: Path, data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} begins as {encoding} and is not: {error}") from error


def _unknown(path: Path, data: bytes, place: int) -> ConfigError:
    """The question about text that any encoding of one byte for each character can read."""
    number = data.count(b"\n", 0, place) + 1
    start = max(data.rfind(b"\n", 0, place) + 1, place - _SHOWN // 2)
    line = data[start : start + _SHOWN].partition(b"\n")[0].decode("cp1252", "replace").strip()
    return ConfigError(
        f"{path}: line {number} is not UTF-8; in cp1252 it is {line!r}: say --encoding cp1252 if "
        "that is right, else the encoding that it is in, such as gb18030, shift_jis, cp1250 or "
        "cp1251"
    )
