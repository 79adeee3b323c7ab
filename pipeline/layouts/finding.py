"""Which image a list's entry means: by path, by the tail of a path, by name, by number."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from headrace.pipeline.layouts.split_words import split_in

PATH, TAIL, NAME, STEM, ELSEWHERE, NUMBER = (
    "path",
    "tail of a path",
    "file name",
    "name without extension",
    "name, in other folders than it says",
    "number without its leading zeros",
)
FORMS = (PATH, TAIL, NAME, STEM, ELSEWHERE, NUMBER)
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+://")
_NUMBER = re.compile(r"([0-9]+)(\.0)?")
_EXTENSION = re.compile(r"\.[A-Za-z0-9]{2,5}$")


class Place(NamedTuple):
    """What an entry was found to mean.

    Attributes:
        paths: the images that it may mean; one where it is plain, none where there is none.
        form: one of FORMS.
    """

    paths: tuple[str, ...]
    form: str


_NOWHERE = Place((), "")


class Finder:
    """Finds images of a scan by what lists call them.

    An entry's folders are believed where there are such folders: `cats/1.jpg` is never
    `dogs/1.jpg`, and `/data/train/1.jpg` never `test/1.jpg`.
    """

    def __init__(self, images: Sequence[str]) -> None:
        self.images = images
        self._exact: dict[str, str] = {}
        self._names: dict[str, list[str]] = {}
        self._pairs: dict[str, list[str]] = {}
        self._numbers: dict[int, list[str]] = {}
        self.folders: set[str] = set()
        for path in images:
            for text in _spellings(path):
                bare = _without_extension(text)
                self._exact.setdefault(text, path)
                *folders, name = text.split("/")
                stem = _without_extension(name)
                keys = {name.casefold(), stem.casefold()}
                for key in keys:
                    self._names.setdefault(key, []).append(path)
                if folders:
                    self.folders.update(folders)
                    for key in keys:
                        self._pairs.setdefault(f"{folders[-1].casefold()}/{key}", []).append(path)
                if stem.isdecimal() and stem.isascii() and len(stem) < 19:
                    self._numbers.setdefault(int(stem), []).append(path)
                if bare != text:
                    # A path without extension that two files share means neither.
                    known = self._exact.get(bare)
                    self._exact[bare] = path if known in (None, path) else ""
        self._folded = {folder.casefold() for folder in self.folders}

    def find(self, entry: str, base: str = "", scope: str = "") -> Place:
        """The images that an entry may mean.

        Args:
            entry: as it stands in the list.
            base: folder of the list, with a slash at its end, "" for the scanned folder.
            scope: only images whose path begins so.
        """
        text = normal(entry)
        if not text:
            return _NOWHERE
        for candidate in dict.fromkeys((base + text, text)):
            path = self._exact.get(candidate)
            if path and path.startswith(scope):
                return Place((path,), PATH if "/" in text or candidate != path else NAME)
        folders = text.split("/")[:-1]
        name = text.rpartition("/")[2]
        if folders:
            found = self._pairs.get(f"{folders[-1]}/{name}".casefold(), [])
            found = _longest_tails([p for p in found if p.startswith(scope)], text)
            found = [p for p in found if self._same_split(p, folders)]
            if found:
                return Place(tuple(_best_case(found, name)), TAIL)
            if folders[-1].casefold() in self._folded:
                return _NOWHERE  # there is such a folder, and the file is not in it
        found = [p for p in self._names.get(name.casefold(), []) if p.startswith(scope)]
        found = [p for p in found if self._same_split(p, folders)]
        if found:
            form = ELSEWHERE if folders else NAME if _EXTENSION.search(name) else STEM
            return Place(tuple(_best_case(list(dict.fromkeys(found)), name)), form)
        number = _NUMBER.fullmatch(name)
        if number and not folders and len(number[1]) < 19:
            found = [p for p in self._numbers.get(int(number[1]), []) if p.startswith(scope)]
            return Place(tuple(found), NUMBER) if found else _NOWHERE
        return _NOWHERE

    def _same_split(self, path: str, folders: list[str]) -> bool:
        """Whether the folders of an entry and of an image speak of no two splits."""
        said = _splits(folders)
        there = _splits(path.split("/")[:-1])
        return not said or not there or bool(said & there)


def normal(entry: str) -> str:
    """An entry with forward slashes, without scheme, bucket's slashes and `./`."""
    text = unicodedata.normalize("NFC", entry.strip().strip("'\"").replace("\\", "/"))
    text = _SCHEME.sub("", text)
    parts = [part for part in text.split("/") if part not in ("", ".")]
    return "/".join(parts)


def _splits(folders: Sequence[str]) -> set[str]:
    return {found[0] for folder in folders if (found := split_in(folder))}


def _spellings(path: str) -> tuple[str, ...]:
    """A path, and what its bytes are in cp1252 where they are no UTF-8."""
    plain = unicodedata.normalize("NFC", path)
    if plain.isascii():
        return (plain,)
    try:
        path.encode()
    except UnicodeEncodeError:
        data = path.encode("utf-8", "surrogateescape")
        return plain, data.decode("cp1252", "replace")
    return (plain,)


def _without_extension(text: str) -> str:
    return _EXTENSION.sub("", text)


def _longest_tails(paths: list[str], text: str) -> list[str]:
    """Those that share most folders with an entry, counted from the name."""
    if len(paths) < 2:
        return paths
    wanted = text.casefold().split("/")[::-1][1:]
    lengths = []
    for path in paths:
        there = unicodedata.normalize("NFC", path).casefold().split("/")[::-1][1:]
        length = 0
        while length < min(len(wanted), len(there)) and wanted[length] == there[length]:
            length += 1
        lengths.append(length)
    best = max(lengths)
    return [p for p, n in zip(paths, lengths, strict=True) if n == best]


def _best_case(paths: list[str], name: str) -> list[str]:
    """Of names that differ only in case or extension, those that are spelled just so."""
    if len(paths) < 2:
        return paths
    same = [p for p in paths if unicodedata.normalize("NFC", p.rpartition("/")[2]) == name]
    return same or paths
