"""Which image a list's entry means: by path, by the tail of a path, by name, by number."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from posixpath import normpath
from typing import NamedTuple
from urllib.parse import unquote

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
_ABSOLUTE = re.compile(r"\s*['\"]?([/\\~]|[a-zA-Z]:|[a-zA-Z][a-zA-Z0-9+.-]+://)")
_PLAIN = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9]+)?")
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


NOWHERE = Place((), "")


class Finder:
    """Finds images of a scan by what lists call them.

    An entry's folders are believed where there are such folders: `cats/1.jpg` is never
    `dogs/1.jpg`, and `/data/train/1.jpg` never `test/1.jpg`.
    """

    def __init__(self, images: Sequence[str], encoding: str | None = None) -> None:
        self.images = images
        # An image's own path comes before the same text as another's without extension.
        self._exact: dict[str, str] = {}
        self._bare: dict[str, str] = {}
        self._names: dict[str, list[str]] = {}
        self._pairs: dict[str, list[str]] = {}
        self._numbers: dict[int, list[str]] = {}
        self.folders: set[str] = set()
        names, pairs, exact, bares = self._names, self._pairs, self._exact, self._bare
        exact.update((path, path) for path in images)
        for path in images:
            exact.setdefault(unicodedata.normalize("NFC", path), path)
        for path in images:
            for text in _spellings(path, encoding or "cp1252"):
                folder, _, name = text.rpartition("/")
                stem = _without_extension(name)
                exact.setdefault(text, path)
                if stem != name:
                    # A path without extension that two files share means neither.
                    bare = f"{folder}/{stem}" if folder else stem
                    if bares.setdefault(bare, path) != path:
                        bares[bare] = ""
                name, stem = name.casefold(), stem.casefold()
                names.setdefault(name, []).append(path)
                if stem != name:
                    names.setdefault(stem, []).append(path)
                if folder:
                    above = folder.rpartition("/")[2].casefold()
                    pairs.setdefault(f"{above}/{name}", []).append(path)
                    if stem != name:
                        pairs.setdefault(f"{above}/{stem}", []).append(path)
                if stem.isdecimal() and stem.isascii() and len(stem) < 19:
                    self._numbers.setdefault(int(stem), []).append(path)
        places = {path.rpartition("/")[0] for path in images}
        self._places = {unicodedata.normalize("NFC", folder) for folder in places}
        for folder in self._places:
            self.folders.update(folder.split("/"))
        self.folders.discard("")
        self._folded = {folder.casefold() for folder in self.folders}

    def find(self, entry: str, base: str = "") -> Place:
        """The images that an entry may mean, as it stands or as an address: `a%20b` is `a b`.

        Args:
            entry: as it stands in the list.
            base: folder of the list, with a slash at its end, "" for the scanned folder.
        """
        place = self._find(entry, base)
        plain = _percent_decoded(entry)
        if plain == entry:
            return place
        both = [p for p in (place, self._find(plain, base)) if p.paths]
        forms = sorted((p.form for p in both), key=FORMS.index)
        return Place(
            tuple(dict.fromkeys(path for p in both for path in p.paths)), "".join(forms[:1])
        )

    def _find(self, entry: str, base: str) -> Place:
        text = normal(entry)
        if ".." in text and ".." in text.split("/"):
            text, base = normpath(text if is_absolute(entry) else base + text), ""
            if text.startswith("../"):  # of another tree, of which only the last folders are known
                text = text.lstrip("./")
            elif text.rpartition("/")[0] in self._places:
                path = self._exact.get(text) or self._bare.get(text)
                return Place((path,), PATH) if path else NOWHERE
        if not text:
            return NOWHERE
        for candidate in dict.fromkeys((base + entry, base + text, entry, text)):
            path = self._exact.get(candidate) or self._bare.get(candidate)
            if path:
                return Place((path,), PATH if "/" in text or candidate != path else NAME)
        *folders, name = text.split("/")
        if folders:
            found = self._pairs.get(f"{folders[-1]}/{name}".casefold(), [])
            found = [p for p in _longest_tails(found, text) if _same_split(p, folders)]
            # `dogs/img/1.jpg` is not `cats/img/1.jpg` where there are cats.
            parted = [_parting(p, folders, self.folders) for p in found]
            found = [p for p, at in zip(found, parted, strict=True) if at not in self._folded]
            if found:
                form = ELSEWHERE if all(parted) else TAIL
                return Place(tuple(_best_case(found, name)), form)
            if folders[-1].casefold() in self._folded:
                return NOWHERE  # there is such a folder, and the file is not in it
        found = _called_just_so(self._names.get(name.casefold(), []), name)
        if folders:
            # Of another machine's path only the last folders are those of the tree.
            said = () if is_absolute(entry) else folders
            known = self._folded & {folder.casefold() for folder in said}
            found = [p for p in found if _same_split(p, folders) and known <= set(_folders_of(p))]
        if found:
            form = ELSEWHERE if folders else NAME if _EXTENSION.search(name) else STEM
            return Place(tuple(_best_case(found, name)), form)
        number = _NUMBER.fullmatch(name)
        if number and not folders and len(number[1]) < 19:
            found = self._numbers.get(int(number[1]), [])
            return Place(tuple(found), NUMBER) if found else NOWHERE
        return NOWHERE


def _parting(path: str, folders: list[str], known: set[str]) -> str:
    """The first folder of an entry, from its name on, in whose place an image has another; "" where
    all that both have are the same, but for the case of a folder that is not known."""
    held = unicodedata.normalize("NFC", path).split("/")[:-1]
    for said, there in zip(reversed(folders), reversed(held), strict=False):
        if said != there and (said in known or said.casefold() != there.casefold()):
            return said.casefold()
    return ""


def spelled(entry: str, path: str) -> str:
    """An image's path with the upper and lower case of an entry that names it; as it is if that is
    the same."""
    if path.endswith(entry) or _without_extension(path).endswith(entry):
        return path
    plain = unicodedata.normalize("NFC", path)
    parts = plain.split("/")
    said = normal(_percent_decoded(entry)).split("/")
    stem = _without_extension(parts[-1])
    if said[-1].casefold() == stem.casefold() != parts[-1].casefold():
        said[-1] += parts[-1][len(stem) :]
    for i in range(1, min(len(said), len(parts)) + 1):
        if said[-i].casefold() != parts[-i].casefold():
            break
        parts[-i] = said[-i]
    result = "/".join(parts)
    return path if result == plain else result


def _folders_of(path: str) -> list[str]:
    return unicodedata.normalize("NFC", path).casefold().split("/")[:-1]


def _same_split(path: str, folders: list[str]) -> bool:
    """Whether the folders of an entry and of an image speak of no two splits."""
    said = _splits(folders)
    there = _splits(path.split("/")[:-1]) if said else said
    return not said or not there or bool(said & there)


def is_absolute(entry: str) -> bool:
    """Whether an entry is a whole path, be it of another machine, or an address."""
    return bool(_ABSOLUTE.match(entry))


def normal(entry: str) -> str:
    """An entry with forward slashes, without scheme, bucket's slashes and `./`."""
    if _PLAIN.fullmatch(entry):
        return entry
    text = unicodedata.normalize("NFC", entry.strip().strip("'\"").replace("\\", "/"))
    text = _SCHEME.sub("", text)
    parts = [part for part in text.split("/") if part not in ("", ".")]
    return "/".join(parts)


def _percent_decoded(entry: str) -> str:
    """An address as plain text: `a%20b.jpg?alt=media` is `a b.jpg`."""
    if _SCHEME.match(entry.strip()):
        entry = re.split(r"[?#]", entry, maxsplit=1)[0]
    return unquote(entry) if "%" in entry else entry


def _splits(folders: Sequence[str]) -> set[str]:
    return {found[0] for folder in folders if (found := split_in(folder))}


def _spellings(path: str, encoding: str) -> tuple[str, ...]:
    """A path, and what its bytes are in an encoding where they are no UTF-8."""
    plain = unicodedata.normalize("NFC", path)
    if plain.isascii():
        return (plain,)
    try:
        path.encode()
    except UnicodeEncodeError:
        data = path.encode("utf-8", "surrogateescape")
        return plain, data.decode(encoding, "replace")
    return (plain,)


def _without_extension(text: str) -> str:
    stem, dot, extension = text.rpartition(".")
    known = dot and 2 <= len(extension) <= 5 and extension.isascii() and extension.isalnum()
    return stem if known and stem else text


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


def _called_just_so(paths: list[str], name: str) -> list[str]:
    """Those with an entry's extension, if there are any: `a.jpg` is not the mask `a.jpg.png`."""
    if len(paths) < 2:
        return paths
    folded = name.casefold()
    names = [unicodedata.normalize("NFC", p.rpartition("/")[2]).casefold() for p in paths]
    return [p for p, there in zip(paths, names, strict=True) if there == folded] or paths


def _best_case(paths: list[str], name: str) -> list[str]:
    """Of names in one folder that differ only in case, those that are spelled just so."""
    if len(paths) < 2 or len({path.rpartition("/")[0] for path in paths}) > 1:
        return paths
    names = [unicodedata.normalize("NFC", p.rpartition("/")[2]) for p in paths]
    same = [
        p for p, there in zip(paths, names, strict=True)
        if name in (there, _without_extension(there))
    ]  # fmt: skip
    return same or paths
