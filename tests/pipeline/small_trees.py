"""Small trees of empty images with lists beside them, and what a listing says of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from headrace.pipeline.layouts.listing import Listing


def write_tree(root: Path, files: Iterable[str], **lists: str | bytes) -> Path:
    """Empty images, and lists whose names have `__` for a slash and `_csv` for `.csv`."""
    for path in files:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"")
    for name, text in lists.items():
        path = name.replace("__", "/")
        stem, _, suffix = path.rpartition("_")
        place = root / f"{stem}.{suffix}"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text if isinstance(text, bytes) else text.encode())
    return root


def labels_of(listing: Listing) -> dict[str, str | None]:
    names = [listing.classes[v] if v >= 0 else None for v in listing.labels]
    return dict(zip(listing.paths, names, strict=True))


def sizes_of(listing: Listing) -> dict[str, int]:
    return {name: stop - start for name, (start, stop) in listing.splits.items()}
