"""Files that say what class folders are called: `n01440764 tench`, as for ImageNet."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

from headrace.pipeline.layouts.config import LayoutConfig
from headrace.pipeline.layouts.text_files import read_text


def names_of_folders(lines: Sequence[str], folders: Collection[str]) -> dict[str, str]:
    """What such lines call the folders: a name that comes twice stands with its folder before it.

    Args:
        lines: of the file.
        folders: names of all class folders.

    Returns:
        folder to name, in the order of the lines, without lines of other folders; empty where a
        folder has no line, not every line has a first word of its own and a name behind it, or two
        folders would have one name.
    """
    pairs = [line.split(None, 1) for line in lines]
    if not all(len(pair) == 2 for pair in pairs):
        return {}
    named = {unicodedata.normalize("NFC", first): name.strip() for first, name in pairs}
    if len(named) < len(pairs) or not folders or not named.keys() >= set(folders):
        return {}
    there = {folder: name for folder, name in named.items() if folder in folders}
    count = Counter(there.values())
    names = {f: name if count[name] == 1 else f"{f} {name}" for f, name in there.items()}
    return names if len(set(names.values())) == len(names) else {}


def why_no_list(path: Path, folders: Collection[str], config: LayoutConfig) -> str:
    """Why a text file that names no images is passed over, and what else it may be for.

    Args:
        path: the file.
        folders: names of all class folders.
        config: with the file that the user gave for their names.
    """
    if config.class_names is not None and config.class_names.absolute() == path.absolute():
        return "it names the classes, as asked"
    if names_of_folders(read_text(path, config.encoding)[0].splitlines(), folders):
        return f"no column names the images; --class-names {path} calls the classes by its names"
    return "no column names the images"
