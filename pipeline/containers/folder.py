"""An image folder as a container, so that the torchvision loader needs nothing packed."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from headrace.pipeline.containers.beton import MODE_JPEG, MODE_OTHER
from headrace.pipeline.containers.manifest import Manifest, Skipped
from headrace.pipeline.containers.storage import Container, FileStorage, SampleTable
from headrace.pipeline.errors import RecordsError
from headrace.pipeline.jpeg_header import parse_jpeg_header
from headrace.pipeline.layouts.discovery import discover
from headrace.pipeline.layouts.listing import Listing
from headrace.pipeline.layouts.listing_report import listing_report
from headrace.pipeline.mapped import map_file
from headrace.pipeline.pil_image import read_size
from headrace.pipeline.wording import counted

HEADER_THREADS = 8


def open_folder(root: Path) -> Container:
    """Opens an image folder without packing it.

    Only the headers are read here. A file whose header cannot be read is left out and listed in
    the manifest's `skipped`, as are images that belong to no split, class or list.

    Args:
        root: a folder in any layout that `headrace.pipeline.layouts.discovery` knows.

    Raises:
        RecordsError: if no image in it can be read.
    """
    listing = discover(root)
    with ThreadPoolExecutor(HEADER_THREADS) as pool:
        headers = list(pool.map(lambda path: _read_header(listing.root / path), listing.paths))
    readable = np.array([isinstance(header, _Header) for header in headers], bool)
    if not readable.any():
        left_out = counted(len(headers), "file")
        raise RecordsError(
            f"{root} holds no image that can be read; {left_out} left out, "
            f"{listing.paths[0]}: {headers[0]}"
        )
    found = [header for header in headers if isinstance(header, _Header)]
    names = [path for path, ok in zip(listing.paths, readable, strict=True) if ok]
    table = SampleTable(
        modes=np.array([header.mode for header in found], np.uint8),
        heights=np.array([header.height for header in found], np.int32),
        widths=np.array([header.width for header in found], np.int32),
        labels=listing.labels[readable],
        names=names,
    )
    return Container(
        kind="folder",
        manifest=_manifest(listing, headers, readable),
        table=table,
        storage=FileStorage(listing.root, names),
    )


class _Header(NamedTuple):
    mode: int
    height: int
    width: int


def _read_header(path: Path) -> _Header | str:
    """Size once upright, or why the file cannot be read."""
    try:
        # Mapped, since nobody knows how long a header is; only its pages are read.
        jpeg = parse_jpeg_header(map_file(path).data)
        if jpeg is not None and jpeg.precision == 8 and len(jpeg.components) in (1, 3):
            return _Header(MODE_JPEG, *jpeg.upright_size)
        return _Header(MODE_OTHER, *read_size(path, jpeg))
    except (OSError, ValueError) as error:
        return str(error)


def _manifest(listing: Listing, headers: Sequence[_Header | str], readable: np.ndarray) -> Manifest:
    kept_before = np.concatenate([[0], np.cumsum(readable)])
    unreadable = tuple(
        Skipped(name=path, reason=header)
        for path, header in zip(listing.paths, headers, strict=True)
        if isinstance(header, str)
    )
    report, left_out = listing_report(listing, listing.missing + unreadable)
    return Manifest(
        classes=listing.classes,
        splits={
            name: (int(kept_before[start]), int(kept_before[stop]))
            for name, (start, stop) in listing.splits.items()
        },
        encoding={"format": "folder"},
        skipped=left_out,
        report=report,
    )
