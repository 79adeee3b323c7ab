"""The .beton container, version 2: its byte layout, and reading its tables with numpy.

The layout is FFCV's (ffcv 1.0.2, little-endian). A file is, in this order::

    HEADER                      24 bytes
    FIELD x num_fields          1041 bytes each; here `image` and `label`
    SAMPLE x num_samples        24 bytes each, unaligned because 24 + 2 * 1041 is
    zeros up to a page boundary
    data pages                  page_size bytes each; no sample straddles two pages
    level pages                 ours, between them: smaller sizes of the samples, if there are any
    manifest pages              ours: tables of the levels, checksums, and the manifest
    ALLOCATION x num_samples    24 bytes each, up to the end of the file

No allocation entry points into pages of ours, so FFCV never reads them. It has no place for class
names, splits or file names; they are in the manifest, and where that is stands in the label
field's argument bytes, which its integer handler ignores (`POINTERS`), and so does where the
checksums are. Where the table of levels is, the manifest says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from headrace.pipeline.command_line import called
from headrace.pipeline.containers.checksums import read_sums
from headrace.pipeline.containers.level_table import LEVEL, LevelTable, check_levels
from headrace.pipeline.containers.manifest import LevelsPlace, Manifest, manifest_of
from headrace.pipeline.containers.storage import Container, MappedStorage, SampleTable
from headrace.pipeline.errors import RecordsError
from headrace.pipeline.jpeg_header import most_pixels
from headrace.pipeline.mapped import forget_pages, map_file
from headrace.pipeline.wording import AGAIN

VERSION = 2
MIN_PAGE_SIZE = 1 << 21
DEFAULT_PAGE_SIZE = 1 << 23
MAX_SIDE_PX = 65535
TYPE_INT, TYPE_RGB_IMAGE = 1, 2
MODE_JPEG, MODE_RAW, MODE_OTHER = 0, 1, 2
"""How a sample is stored; MODE_OTHER (PNG, CMYK, ...) occurs only in a folder, never here."""

HEADER = np.dtype(
    [
        ("version", "<u2"),
        ("num_fields", "<u2"),
        ("page_size", "<u4"),
        ("num_samples", "<u8"),
        ("allocation_ptr", "<u8"),
    ]
)
FIELD = np.dtype([("type_id", "u1"), ("name", "S16"), ("arguments", "u1", 1024)])
SAMPLE = np.dtype(
    {
        "names": ["mode", "width", "height", "data_ptr", "label"],
        "formats": ["u1", "<u2", "<u2", "<u8", "<i8"],
        "offsets": [0, 1, 3, 5, 16],
        "itemsize": 24,
    }
)
ALLOCATION = np.dtype([("sample_id", "<u8"), ("ptr", "<u8"), ("size", "<u8")])
POINTERS = np.dtype(
    [
        ("magic", "S8"),
        ("offset", "<u8"),
        ("length", "<u8"),
        ("sums_magic", "S8"),
        ("sums_offset", "<u8"),
    ]
)
MANIFEST_MAGIC, SUMS_MAGIC = b"HEADRACE", b"HRXXH3-1"
SAMPLES_OFFSET = HEADER.itemsize + 2 * FIELD.itemsize


@dataclass(frozen=True, kw_only=True)
class Tables:
    """The tables of a container; every array has one entry per sample.

    Attributes:
        modes: (N,) uint8, one of the MODE constants.
        heights, widths: (N,) int32, stored pixels.
        labels: (N,) int64, -1 where there is none.
        ptrs, sizes: (N,) int64, absolute offset and length in bytes of the sample's data.
        manifest: (offset, length) in bytes of the manifest, or None in a file of FFCV's own.
        sums: offset in bytes of the checksums, or None in a file that has none.
        page_size: bytes.
        end: offset of the allocation table, where all pages end.
    """

    modes: np.ndarray
    heights: np.ndarray
    widths: np.ndarray
    labels: np.ndarray
    ptrs: np.ndarray
    sizes: np.ndarray
    manifest: tuple[int, int] | None
    sums: int | None
    page_size: int
    end: int


def is_beton(head: bytes) -> bool:
    """Tells from a file's first bytes whether it looks like a .beton of version 2."""
    if len(head) < HEADER.itemsize:
        return False
    header = np.frombuffer(head, HEADER, 1)[0]
    page = int(header["page_size"])
    return (
        int(header["version"]) == VERSION
        and 0 < int(header["num_fields"]) < 64
        and page >= MIN_PAGE_SIZE
        and page.bit_count() == 1
    )


def open_beton(path: Path) -> Container:
    """Opens a .beton, ours or FFCV's.

    Raises:
        RecordsError: if it is damaged.
    """
    data = map_file(path)
    tables = read_tables(data, path)
    check_tables(tables, data.size, path)
    manifest = Manifest()
    names: Sequence[str] = ()
    levels = None
    if tables.manifest is not None:
        offset, length = tables.manifest
        body = data[offset : offset + length]
        manifest, names = manifest_of(body, len(tables.labels), path)
        if manifest.levels is not None:
            levels = _read_levels(data, tables, manifest.levels, path)
    sums = None if tables.sums is None else _read_sums(data, tables, levels, manifest, path)
    forget_pages(data)  # a million samples' tables are 100 MB, and have been copied
    table = SampleTable(
        modes=tables.modes,
        heights=tables.heights,
        widths=tables.widths,
        labels=tables.labels,
        names=names,
    )
    storage = MappedStorage(
        [data], tables.ptrs, tables.sizes, paths=[path], levels=levels, sums=sums
    )
    return Container(kind="beton", manifest=manifest, table=table, storage=storage)


def read_tables(data: np.ndarray, path: Path) -> Tables:
    """Reads and checks the tables of a mapped file.

    Args:
        data: (file bytes,) uint8, the whole file.
        path: named in errors.

    Raises:
        RecordsError: if any count or offset does not fit in the file.
    """
    if not is_beton(data[: HEADER.itemsize].tobytes()):
        raise RecordsError(
            f"{path} is not a .beton file of version {VERSION}; pack it again with {called('pack')}"
        )
    header = data[: HEADER.itemsize].view(HEADER)[0]
    count, end = int(header["num_samples"]), int(header["allocation_ptr"])
    if int(header["num_fields"]) != 2:
        raise RecordsError(
            f"{path} has {header['num_fields']} fields, expected an image and a label; "
            f"pack it again with {called('pack')}"
        )
    samples_end = SAMPLES_OFFSET + count * SAMPLE.itemsize
    if samples_end > end or end + count * ALLOCATION.itemsize != data.size:
        raise RecordsError(
            f"{path} is truncated or damaged: {data.size} bytes cannot hold the {count} samples "
            f"that its header announces; {AGAIN}"
        )
    fields = data[HEADER.itemsize : SAMPLES_OFFSET].view(FIELD)
    if [int(t) for t in fields["type_id"]] != [TYPE_RGB_IMAGE, TYPE_INT]:
        raise RecordsError(
            f"{path} holds fields of type {[int(t) for t in fields['type_id']]}, expected an RGB "
            f"image and an integer label ({[TYPE_RGB_IMAGE, TYPE_INT]}); pack it again with "
            f"{called('pack')}"
        )
    samples = data[SAMPLES_OFFSET:samples_end].view(SAMPLE)
    allocations = data[end:].view(ALLOCATION)
    ptrs = samples["data_ptr"].astype(np.int64)
    manifest, sums = _read_pointers(fields[1]["arguments"], end, path)
    return Tables(
        modes=samples["mode"].copy(),
        heights=samples["height"].astype(np.int32),
        widths=samples["width"].astype(np.int32),
        labels=samples["label"].astype(np.int64),
        ptrs=ptrs,
        sizes=_sizes(ptrs, allocations, path),
        manifest=manifest,
        sums=sums,
        page_size=int(header["page_size"]),
        end=end,
    )


def _sizes(ptrs: np.ndarray, allocations: np.ndarray, path: Path) -> np.ndarray:
    """Byte length of each sample: the allocation table's size at the sample's pointer."""
    keys = allocations["ptr"].astype(np.int64)
    sizes = allocations["size"].astype(np.int64)
    if not np.array_equal(keys, ptrs):  # FFCV's own writer leaves the entries in any order
        order = np.argsort(keys, kind="stable")
        places = np.minimum(np.searchsorted(keys, ptrs, sorter=order), len(keys) - 1)
        found = order[places]
        if not np.array_equal(keys[found], ptrs):
            raise RecordsError(f"{path} is damaged: a sample lies outside what was stored; {AGAIN}")
        sizes = sizes[found]
    return sizes


def check_tables(tables: Tables, num_bytes: int, path: Path) -> None:
    """Checks that every sample lies inside the file and has a possible size.

    Raises:
        RecordsError: naming the first sample that does not.
    """
    bad = (tables.ptrs < 0) | (tables.sizes <= 0) | (tables.ptrs > num_bytes - tables.sizes)
    bad |= (tables.heights < 1) | (tables.widths < 1) | (tables.modes > MODE_RAW)
    pixels = tables.heights.astype(np.int64) * tables.widths
    bad |= (tables.modes == MODE_RAW) & (3 * pixels != tables.sizes)
    bad |= (tables.modes == MODE_JPEG) & (pixels > most_pixels(tables.sizes))
    if bad.any():
        i = int(bad.argmax())
        raise RecordsError(
            f"{path} is damaged at sample {i}: mode {tables.modes[i]}, "
            f"{tables.widths[i]}x{tables.heights[i]} px, {tables.sizes[i]} bytes at "
            f"{tables.ptrs[i]} in a file of {num_bytes} bytes; {AGAIN}"
        )


def _read_pointers(
    arguments: np.ndarray, end: int, path: Path
) -> tuple[tuple[int, int] | None, int | None]:
    """Where the manifest is, offset and length in bytes, and the checksums; None where they are
    not."""
    pointers = arguments[: POINTERS.itemsize].view(POINTERS)[0]
    manifest, sums = pointers["magic"], pointers["sums_magic"]
    if manifest not in (b"", MANIFEST_MAGIC) or sums not in (b"", SUMS_MAGIC):
        raise RecordsError(
            f"{path} is damaged: where its manifest or its checksums are said to be, there is "
            f"something else; {AGAIN}"
        )
    offset, length = int(pointers["offset"]), int(pointers["length"])
    if manifest and (offset < SAMPLES_OFFSET or offset + length > end):
        raise RecordsError(f"{path} is damaged: its manifest lies outside the file; {AGAIN}")
    if sums and not manifest:
        raise RecordsError(f"{path} is damaged: it has checksums and no manifest; {AGAIN}")
    return (offset, length) if manifest else None, int(pointers["sums_offset"]) if sums else None


def _read_levels(data: np.ndarray, tables: Tables, place: LevelsPlace, path: Path) -> LevelTable:
    """The table of levels, checked.

    Raises:
        RecordsError: if it, or a level, cannot be where it is said to be.
    """
    num_samples = len(tables.modes)
    start = SAMPLES_OFFSET + num_samples * SAMPLE.itemsize
    num_bytes = num_samples * place.count * LEVEL.itemsize
    if place.offset < start or place.offset > tables.end - num_bytes:
        raise RecordsError(f"{path} is damaged: its table of levels lies outside the file; {AGAIN}")
    entries = data[place.offset : place.offset + num_bytes].view(LEVEL)
    entries = entries.reshape(num_samples, place.count)
    return check_levels(entries, tables.modes == MODE_JPEG, start, tables.end, path)


def _read_sums(
    data: np.ndarray, tables: Tables, levels: LevelTable | None, manifest: Manifest, path: Path
) -> np.ndarray:
    """(N, 1 + L) SUM, after all tables have been compared with theirs."""
    count, columns = len(tables.modes), 0 if levels is None else levels.ptrs.shape[1]
    assert tables.sums is not None and tables.manifest is not None
    samples_end = SAMPLES_OFFSET + count * SAMPLE.itemsize
    offset, length = tables.manifest
    spans = [(0, samples_end), (offset, offset + length), (tables.end, data.size)]
    if manifest.levels is not None:
        start = manifest.levels.offset
        spans.append((start, start + count * columns * LEVEL.itemsize))
    return read_sums(data, tables.sums, (count, 1 + columns), spans, path)


def field_descriptors(manifest: tuple[int, int] | None, sums: int | None = None) -> bytes:
    """The two field descriptors, with the manifest's (offset, length) and the checksums' offset in
    bytes."""
    fields = np.zeros(2, FIELD)
    fields["type_id"] = TYPE_RGB_IMAGE, TYPE_INT
    fields["name"] = b"image", b"label"
    pointers = np.zeros(1, POINTERS)
    if manifest is not None:
        pointers["magic"] = MANIFEST_MAGIC
        pointers["offset"], pointers["length"] = manifest
    if sums is not None:
        pointers["sums_magic"], pointers["sums_offset"] = SUMS_MAGIC, sums
    fields["arguments"][1, : POINTERS.itemsize] = pointers.view(np.uint8)
    return fields.tobytes()
