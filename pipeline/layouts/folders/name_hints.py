"""What names of images hint at and nobody decides by: masks beside images, words for classes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

_MASK = re.compile(r"[ _-]?(?:masks?|seg|segmentation|gt|annotation)(?:[ _-]?[0-9]+)?$", re.I)
_WORD = re.compile(r"([^\W\d_][\w -]*?)[ ._-]*\(?[0-9]+\)?")
_MAX_SHOWN = 4


def masks_beside(images: Sequence[str]) -> list[str]:
    """A line where images are called as others with `_mask` behind."""
    likely: dict[str, str] = {}
    for path in images:
        stem = path.rpartition(".")[0]
        if match := _MASK.search(stem, stem.rfind("/") + 1):
            likely[path] = stem[: match.start()]
    # There may be millions of images, and few of such names.
    stems = {path.rpartition(".")[0] for path in images} if likely else set()
    masks = [path for path, stem in likely.items() if stem in stems]
    if not masks:
        return []
    return [
        f"{len(masks)} images are called as other images and a word for a mask, as {masks[0]}: "
        "move them away if they are no pictures"
    ]


def words_in_names(images: Iterable[str]) -> list[str]:
    """A line where all names begin with one of a few words: `cat.12.jpg`, `beagle_3.jpg`."""
    counts: Counter[str] = Counter()
    for path in images:
        match = _WORD.fullmatch(path.rpartition("/")[2].rpartition(".")[0])
        if match is None:
            return []
        counts[match[1]] += 1
    if not 1 < len(counts) <= sum(counts.values()) / 2:
        return []
    words = ", ".join(sorted(counts)[:_MAX_SHOWN])
    return [
        f"names begin with one of {len(counts)} words ({words}); if these are the classes, sort "
        "the images into folders of such names or make a list: no label is read from words"
    ]
