"""Images that are in two splits: by a link, or because lists put them there."""

from __future__ import annotations

import os
from itertools import combinations

from headrace.pipeline.layouts.listing import Listing


def shared_images(listing: Listing) -> list[str]:
    """A line for each two splits that share files, also through linked folders, and one for files
    of two classes.

    Equal bytes under two names are not seen here; whoever reads the files can tell.
    """
    real = real_paths(listing)
    if len(set(real)) == len(real):
        return []
    files = {name: set(real[start:stop]) for name, (start, stop) in listing.splits.items()}
    lines = []
    for (a, in_a), (b, in_b) in combinations(files.items(), 2):
        both = len(in_a & in_b)
        if both:
            lines.append(
                f"{both} images are in {a} and in {b}: what is measured on one says nothing of "
                "unseen images"
            )
    titles: dict[str, set[int]] = {}
    for path, label in zip(real, listing.labels.tolist(), strict=True):
        titles.setdefault(path, set()).add(label)
    twice = [path for path, labels in titles.items() if len(labels) > 1]
    if twice:
        lines.append(
            f"{len(twice)} images have several classes, through links: {twice[0]} is "
            + " and ".join(sorted(_title(listing, label) for label in titles[twice[0]]))
        )
    return lines


def _title(listing: Listing, label: int) -> str:
    return listing.classes[label] if label >= 0 else "without label"


def real_paths(listing: Listing) -> list[str]:
    """(N,) paths with the links of their folders followed; links that are files stay."""
    places: dict[str, str] = {}
    result = []
    for path in listing.paths:
        folder, _, name = path.rpartition("/")
        if folder not in places:
            places[folder] = os.path.realpath(listing.root / folder)
        result.append(f"{places[folder]}/{name}")
    return result
