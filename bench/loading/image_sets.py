"""The images that a benchmark runs on: a split of a .beton, or of the original folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from headrace.pipeline.containers.manifest import DEFAULT_SPLIT
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.layouts.discovery import discover
from headrace.pipeline.records import Records


@dataclass(frozen=True, kw_only=True)
class ImageSet:
    """One set of images.

    Attributes:
        records: what the results call it: `jpeg-500`, `raw-256`, `folder` and the like.
        path: of the .beton or of the folder.
        split: that is loaded.
        images: in that split, as far as they are used.
        raw: stored without compression.
        folder: it is the original folder, not packed.
    """

    records: str
    path: Path
    split: str
    images: int
    raw: bool = False
    folder: bool = False


def packed_image_set(path: Path, split: str, limit: int) -> ImageSet:
    """A .beton as a image_set; see `choose_split`.

    Raises:
        HeadraceError: if it cannot be opened, is no .beton or is empty.
    """
    with Records.open(path) as records:
        if records.kind != "beton":
            raise ConfigError(f"{path} is not a .beton file; pass a folder with --folder")
        name = choose_split(tuple(records.splits), split, path)
        images = len(records.split(name))
        if not images:
            raise ConfigError(f"split {name!r} of {path} has no images")
        return ImageSet(
            records=records_name(records),
            path=path,
            split=name,
            images=min(images, limit or images),
            raw=bool(records.modes.all()),
        )


def records_name(records: Records) -> str:
    """`jpeg-500`: how the samples are encoded and the largest side they may have, px."""
    encoding = records.manifest.encoding
    form = str(encoding.get("format") or ("raw" if records.modes.all() else "jpeg"))
    side = encoding.get("max_side")
    if not isinstance(side, int) or side <= 0:
        side = int(max(records.heights.max(), records.widths.max()))
    return f"{form}-{side}"


def choose_split(splits: tuple[str, ...], wanted: str, path: Path) -> str:
    """The wanted split; if there is none, and none was asked for, the first.

    Raises:
        ConfigError: if there is no such split.
    """
    if wanted in splits:
        return wanted
    if wanted == DEFAULT_SPLIT and splits:
        return splits[0]
    raise ConfigError(f"{path} has no split {wanted!r}; it has {', '.join(splits)}")


def folder_image_set(path: Path, split: str, limit: int) -> ImageSet:
    """An image folder as a image_set.

    Raises:
        HeadraceError: if there are no images.
    """
    listing = discover(path)
    name = choose_split(tuple(listing.splits), split, path)
    start, stop = listing.splits[name]
    if start == stop:
        raise ConfigError(f"split {name!r} of {path} has no images")
    images = min(stop - start, limit or stop - start)
    return ImageSet(records="folder", path=path, split=name, images=images, folder=True)
