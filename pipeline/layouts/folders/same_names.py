"""Questions about class folders: one name in several, images beside masks, a lone folder, classes
of one split that are none of another."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.layouts.listing import Found
from headrace.pipeline.layouts.split_words import is_neutral

_PICTURES = frozenset("images image imgs img pictures photos jpegimages originals".split())


def ask_repeated(split: str, folders: Mapping[str, str]) -> ConfigError | None:
    """The question about most images lying in folders whose names several folders hold.

    `color/oak` and `grayscale/oak` are versions of one class, `2019/oak` and `2020/oak` its parts,
    `potato/healthy` and `tomato/healthy` two classes: the names alone do not tell.

    Args:
        split: of the images.
        folders: image to its class folder below the split's folder.
    """
    counts = Counter(folders.values())
    parents: dict[str, list[str]] = {}
    for folder in sorted(counts):
        above, _, leaf = folder.rpartition("/")
        parents.setdefault(leaf, []).append(above)
    again = {leaf: above for leaf, above in parents.items() if len(above) > 1}
    held = sum(count for folder, count in counts.items() if folder.rpartition("/")[2] in again)
    # All of one name tell nothing: the folders above are the classes, whatever these are called.
    if not again or len(parents) == 1 or 2 * held <= len(folders):
        return None
    first, *others = sorted(again)[:2]
    called = f"folders called {first} and {others[0]}" if others else f"a folder called {first}"
    b, a = sorted(again[first], reverse=True)[:2]
    sample = next(path for path, folder in folders.items() if folder == f"{b}/{first}")
    whole = sample[: sample.rindex(f"/{first}/")]
    return ConfigError(
        f"{_shown(a)} and {_shown(b)} both hold {called}: are these the "
        f"same classes? say --split {split}={whole} (again for each further folder to join) to "
        "take the folders inside as classes, --class-depth 1 if the outermost folders are the "
        f"classes, or --layout classes if {b}/{first} is a class of its own"
    )


def ask_pictures(split: str, folders: Mapping[str, str]) -> ConfigError | None:
    """The question about folders called `images` beside others: `masks`, `labels`."""
    leaves = {folder: folder.rpartition("/")[2] for folder in set(folders.values())}
    pictures = sorted(f for f, leaf in leaves.items() if leaf.casefold() in _PICTURES)
    others = sorted(f for f, leaf in leaves.items() if not is_neutral(leaf.casefold()))
    if not pictures or not others:
        return None
    sample = next(path for path, folder in folders.items() if folder == pictures[0])
    return ConfigError(
        f"is {pictures[0]} a class, as {others[0]} beside it? say --layout classes if it is, or "
        f"--split {split}={sample.rpartition('/')[0]} to take the images there alone"
    )


def ask_numbered(folder: str, example: str, num_labels: int) -> ConfigError:
    """The question about a lone folder of names such as 3_17.jpg."""
    return ConfigError(
        f"names such as {example} begin with one of {num_labels} numbers: are they the labels, or "
        f"is {folder} the class of all? say --layout names, --layout classes, or --layout flat "
        "for no labels"
    )


def ask_uneven(counts: Mapping[str, int], outer: Mapping[str, str]) -> ConfigError | None:
    """The question about folders inside a class folder beside folders inside one that holds none.

    Args:
        counts: folders of images below the split's, and how many each holds.
        outer: of them those inside a class folder, to that folder.
    """
    for inner, above in sorted(outer.items()):
        depth = above.count("/") + 1
        for folder in sorted(counts.keys() - outer.keys()):
            if folder.count("/") >= depth and folder not in outer.values():
                top = "/".join(folder.split("/")[:depth])
                return ConfigError(
                    f"{inner} belongs to the class {above}, which holds images itself: is {top} "
                    f"the class of {folder}, too? say --class-depth {depth} if it is, or --layout "
                    f"classes if {folder} is a class"
                )
    return None


def ask_other_classes(found: Iterable[Found]) -> ConfigError | None:
    """The question about a split whose folders are no classes as those of the others: one level
    above them, or a lone one (`test/unknown`) that no other split has."""
    places: dict[str, dict[str, str]] = {}
    for one in found:
        if isinstance(one.label, str):
            label = unicodedata.normalize("NFC", one.label)
            places.setdefault(one.split, {}).setdefault(label, one.path.rpartition("/")[0])
    for split, folders in places.items():
        others = dict(item for s, own in places.items() if s != split for item in own.items())
        for label, place in folders.items():
            inner = next(
                (o for o in others if o.startswith(f"{label}/") and o not in folders), None
            )
            if inner and label not in others:
                return ConfigError(
                    f"{place} holds images itself, and another split in folders such as "
                    f"{others[inner]}: which are the classes? say --class-depth "
                    f"{label.count('/') + 1} for {label}, or --layout classes for each folder that "
                    "holds images"
                )
        leaves = {label.rpartition("/")[2] for label in others}
        label, place = next(iter(folders.items()))
        if len(folders) == 1 < len(leaves) and label.rpartition("/")[2] not in leaves:
            return ConfigError(
                f"all images of {split} lie in {place}, and no other split has a class {label}: "
                f"say --layout classes if it is one, or --split {split}={place} (and --split for "
                "each other split) if they have no labels"
            )
    return None


def _shown(folder: str) -> str:
    return folder or "the outermost folder"
