"""Damages a .beton, and makes its checksums right again as a hostile file's are.

Edits, on top of those of any bytes (byte_edits.py)::

    ["set", TABLE, ROW, COLUMN, NUMBER]     a field of a table; too large a number wraps around
    ["swap", TABLE, ROW, ROW, COLUMN]       a field of two rows, or, without a column, the rows
    ["sides", INDEX, HEIGHT, WIDTH, BOTH]   a JPEG's own header, and the table, too, if BOTH
    ["json", ...]                           the manifest's JSON; see json_edits.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from headrace.pipeline.containers import beton, manifest
from headrace.pipeline.containers.checksums import SUM, TABLES_SUM, sample_sum, tables_sum
from headrace.pipeline.containers.level_table import LEVEL
from headrace.pipeline.errors import RecordsError
from tests.fuzz.byte_edits import Region, edit_bytes, number_at
from tests.fuzz.damage import Edit
from tests.fuzz.json_edits import edited_json

TABLES = ("header", "field", "pointers", "sample", "allocation", "manifest", "names")
MORE_TABLES = ("sums", "sum", "level")


class BetonFile:
    """The bytes of a .beton while it is damaged.

    Attributes:
        data: the file.
        regions: name to where it is in the sound file.
    """

    def __init__(self, data: bytes) -> None:
        self.data = bytearray(data)
        mapped = np.frombuffer(data, np.uint8)
        tables = beton.read_tables(mapped, Path("sound"))
        self._count = count = len(tables.modes)
        self._tables: dict[str, tuple[int, np.dtype, int]] = {
            "header": (0, beton.HEADER, 1),
            "field": (beton.HEADER.itemsize, beton.FIELD, 2),
            "sample": (beton.SAMPLES_OFFSET, beton.SAMPLE, count),
            "allocation": (tables.end, beton.ALLOCATION, count),
        }
        self.regions = {
            f"sample {i}": Region(int(ptr), int(size))
            for i, (ptr, size) in enumerate(zip(tables.ptrs, tables.sizes, strict=True))
        }
        if tables.manifest is not None:
            self._add_manifest(mapped, tables)
        for name, (start, dtype, rows) in self._tables.items():
            self.regions[name] = Region(start, dtype.itemsize * rows)

    def _add_manifest(self, mapped: np.ndarray, tables: beton.Tables) -> None:
        assert tables.manifest is not None
        start, length = tables.manifest
        arguments = beton.HEADER.itemsize + beton.FIELD.itemsize + 17
        self._tables["pointers"] = (arguments, beton.POINTERS, 1)
        self._tables["manifest"] = (start, manifest.HEADER, 1)
        header = mapped[start : start + manifest.HEADER.itemsize].view(manifest.HEADER)[0]
        self._json = (start + manifest.HEADER.itemsize, int(header["json"]))
        self._tables["names"] = (sum(self._json), np.dtype("<u8"), self._count + 1)
        self.regions["json"] = Region(*self._json)
        read, _ = manifest.read_manifest(mapped[start : start + length])
        levels = 0
        if read.levels is not None:
            levels = read.levels.count
            self._tables["level"] = (read.levels.offset, LEVEL, self._count * levels)
        if tables.sums is not None:
            self._tables["sums"] = (tables.sums, TABLES_SUM, 1)
            after = tables.sums + TABLES_SUM.itemsize
            self._tables["sum"] = (after, SUM, self._count * (1 + levels))

    def edit(self, edit: Edit) -> None:
        """Carries out an edit; does nothing where the file has no such place."""
        what, *rest = edit
        if what == "json":
            if "manifest" in self._tables:
                self._edit_json(rest)
        elif what == "sides":
            self._edit_sides(*rest)
        elif what not in ("set", "swap"):
            edit_bytes(self.data, self.regions, edit)
        elif rest[0] in self._tables:
            table, *rest = rest
            start, dtype, rows = self._tables[table]
            if start + dtype.itemsize * rows > len(self.data):
                return  # cut off by an earlier edit
            entries = np.frombuffer(self.data, dtype, rows, start)
            if what == "set":
                self._set(entries, *rest)
            else:
                self._swap(entries, *rest)

    def _set(self, entries: np.ndarray, row: int, column: str | None, number: object) -> None:
        entry = entries if column is None else entries[column]
        place = row % len(entries)
        if entry.dtype.kind not in "ui":
            return
        bits = 8 * entry.dtype.itemsize
        value = number_at(number, int(entry[place]), self.regions, len(self.data)) % (1 << bits)
        raw = value.to_bytes(entry.dtype.itemsize, "little")
        entry[place] = np.frombuffer(raw, entry.dtype)[0]

    def _swap(self, entries: np.ndarray, one: int, other: int, column: str | None) -> None:
        rows = [one % len(entries), other % len(entries)]
        part = entries if column is None else entries[column]
        part[rows] = part[rows[::-1]].copy()

    def _edit_sides(self, index: int, height: int, width: int, both: bool) -> None:
        start, size = self.regions[f"sample {index % self._count}"]
        data = self.data[start : start + size]
        frames = [data.find(marker) for marker in (b"\xff\xc0", b"\xff\xc2")]
        place = max(frames)
        if place < 0 or place + 9 > len(data):
            return  # raw, or cut off
        sides = height.to_bytes(2, "big") + width.to_bytes(2, "big")
        self.data[start + place + 5 : start + place + 9] = sides
        if both:
            self.edit(["set", "sample", index, "height", height])
            self.edit(["set", "sample", index, "width", width])

    def _edit_json(self, edit: Edit) -> None:
        """Puts other JSON into the manifest; what follows it moves, and lengths are made right."""
        start, length = self._json
        header_at = self._tables["manifest"][0]
        if start + length > len(self.data):
            return  # cut off by an earlier edit
        pointers = np.frombuffer(self.data, beton.POINTERS, 1, self._tables["pointers"][0])
        stop = int(pointers["offset"][0]) + int(pointers["length"][0])
        if not start + length <= stop <= len(self.data):
            return  # moved away by an earlier edit
        text = self.data[start : start + length].decode("utf-8", "replace")
        body = edited_json(text, edit).encode("utf-8", "surrogatepass")
        body += b" " * (-len(body) % 8)
        rest = bytes(self.data[start + length : stop])
        if start + len(body) + len(rest) > self._tables["allocation"][0]:
            return  # no room
        self.data[start : start + len(body) + len(rest)] = body + rest
        self._json = (start, len(body))
        self._tables["names"] = (start + len(body), *self._tables["names"][1:])
        header = np.frombuffer(self.data, manifest.HEADER, 1, header_at)
        header["json"] = len(body)
        pointers["length"] = start - header_at + len(body) + len(rest)

    def resum(self) -> None:
        """Makes every checksum right that the damaged file still has a place for."""
        data = np.frombuffer(self.data, np.uint8)
        path = Path("damaged")
        try:
            tables = beton.read_tables(data, path)
            if tables.sums is None or tables.manifest is None:
                return
            start, length = tables.manifest
            found, _ = manifest.read_manifest(data[start : start + length])
        except RecordsError:
            return  # the reader gets no further either
        count = len(tables.modes)
        places = np.stack([tables.ptrs, tables.sizes], 1)[:, None]
        spans = [
            (0, beton.SAMPLES_OFFSET + count * beton.SAMPLE.itemsize),
            (start, start + length),
            (tables.end, len(data)),
        ]
        if found.levels is not None:
            first = found.levels.offset
            num_bytes = count * found.levels.count * LEVEL.itemsize
            if not 0 <= first <= len(data) - num_bytes:
                return
            entries = np.frombuffer(self.data, LEVEL, count * found.levels.count, first)
            pairs = np.stack([entries["ptr"].astype(np.int64), entries["size"]], 1)
            places = np.concatenate([places, pairs.reshape(count, -1, 2)], 1)
            spans.append((first, first + num_bytes))
        begin = tables.sums + TABLES_SUM.itemsize
        stop = begin + places.shape[0] * places.shape[1] * SUM.itemsize
        if stop > len(data):
            return
        sums = [
            sample_sum(bytes(self.data[p : p + s])) if p >= 0 and 0 < s <= len(data) else 0
            for p, s in places.reshape(-1, 2).tolist()
        ]
        self.data[begin:stop] = np.array(sums, SUM).tobytes()
        # Sums that lie inside another table change what they are sums of; no matter.
        parts = [bytes(self.data[low:high]) for low, high in (*spans, (begin, stop))]
        self.data[tables.sums : begin] = np.array([tables_sum(parts)], TABLES_SUM).tobytes()
