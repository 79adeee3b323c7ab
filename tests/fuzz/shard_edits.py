"""Damages a folder of WebDataset shards: the .tar files, their indices and the .npz of tables.

Edits; those of any bytes (byte_edits.py) come behind a file's name::

    ["file", FILE, EDIT...]                 bytes of a file, of the .npz as it stands on disk
    ["empty", FILE], ["gone", FILE]         a file of 0 bytes, or none
    ["word", FILE, LINE, WORD, TEXT]        a word of an index
    ["line", FILE, LINE, LINE]              two lines of an index change places
    ["set", ARRAY, ROW, COLUMN, NUMBER]     a field of a table in the .npz; the column may be ""
    ["swap", ARRAY, ROW, ROW]               two rows
    ["shape", ARRAY, [N, ...]]              zeros of another shape
    ["dtype", ARRAY, DTYPE]                 the same bytes as another dtype, or objects, pickled
    ["header", ARRAY, TEXT]                 the .npy header says something else
    ["deflated", ARRAY, N]                  N zeros, compressed to next to nothing
    ["drop", ARRAY], ["twice", ARRAY]
    ["json", ...]                           the manifest's JSON; see json_edits.py
"""

from __future__ import annotations

import io
import warnings
import zipfile
from pathlib import Path

import numpy as np

from headrace.pipeline.containers import manifest
from headrace.pipeline.containers.checksums import SUM, sample_sum
from headrace.pipeline.containers.level_table import LEVEL
from headrace.pipeline.containers.shard_tables import SAMPLE, TABLES_NAME
from tests.fuzz.byte_edits import edit_bytes, number_at
from tests.fuzz.damage import Edit
from tests.fuzz.json_edits import edited_json

FILES = ("train-000000.tar", "val-000000.tar", "train-000000.idx", "val-000000.idx", TABLES_NAME)
ARRAYS = ("shards", "samples", "manifest", "sums", "levels")
DTYPES = ("object", "<f8", "<u2", "S8", "<U4", "?", "<M8[s]", "u1", "V24")
_MOST_OBJECTS = 1_000_000  # more would take this process a minute to pickle


class ShardFiles:
    """The files of a folder of shards while they are damaged.

    Attributes:
        files: name to bytes.
    """

    def __init__(self, folder: Path) -> None:
        self.files = {path.name: bytearray(path.read_bytes()) for path in folder.iterdir()}
        self._arrays: dict[str, np.ndarray] = {}
        self._bodies: dict[str, bytes] = {}  # what is put in an array's place as it stands
        self._twice: list[str] = []
        self._deflated: set[str] = set()
        self._late: list[Edit] = []
        if TABLES_NAME in self.files:
            with np.load(folder / TABLES_NAME) as tables:
                self._arrays = {name: tables[name] for name in tables}

    def edit(self, edit: Edit) -> None:
        """Carries out an edit; does nothing where there is no such place."""
        what, name, *rest = edit
        if what in ("file", "empty", "gone", "word", "line"):
            self._late.append(edit)
        elif not self._arrays:
            return
        elif what == "json":
            self._edit_json(edit[1:])
        elif name in self._arrays:
            self._edit_array(what, name, rest)

    def _edit_array(self, what: str, name: str, rest: Edit) -> None:
        array = self._arrays[name]
        if what == "set":
            self._set(array, *rest)
        elif what == "swap" and len(array):
            rows = [row % len(array) for row in rest]
            array[rows] = array[rows[::-1]].copy()
        elif what == "shape":
            self._arrays[name] = np.zeros(rest[0], array.dtype)
        elif what == "dtype":
            self._arrays[name] = _as_dtype(array, rest[0])
        elif what == "header":
            text = rest[0].encode("latin-1", "replace") + b"\n"
            self._bodies[name] = (
                b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + array.tobytes()
            )
        elif what == "deflated":
            self._arrays[name] = np.zeros(rest[0], np.uint8)
            self._deflated.add(name)
        elif what == "drop":
            del self._arrays[name]
        elif what == "twice":
            self._twice.append(name)

    def _set(self, array: np.ndarray, row: int, column: str, number: object) -> None:
        names = array.dtype.names or ()
        part = array[column] if column in names else array
        if part.ndim == 0 or not part.size or part.dtype.kind not in "iu":
            return
        flat, place = part.reshape(-1), row % part.size
        value = number_at(number, int(flat[place]), {}, len(self.files[FILES[0]]))
        raw = (value % (1 << 8 * part.dtype.itemsize)).to_bytes(part.dtype.itemsize, "little")
        part.flat[place] = np.frombuffer(raw, part.dtype)[0]

    def _edit_json(self, edit: Edit) -> None:
        body = self._arrays.get("manifest")
        if body is None or body.dtype != np.uint8 or body.ndim != 1:
            return
        if body.size < manifest.HEADER.itemsize:
            return
        header = body[: manifest.HEADER.itemsize].view(manifest.HEADER).copy()
        start, length = manifest.HEADER.itemsize, int(header["json"][0])
        text = body[start : start + length].tobytes().decode("utf-8", "replace")
        new = edited_json(text, edit).encode("utf-8", "surrogatepass")
        new += b" " * (-len(new) % 8)
        header["json"] = len(new)
        whole = header.tobytes() + new + body[start + length :].tobytes()
        self._arrays["manifest"] = np.frombuffer(whole, np.uint8).copy()

    def resum(self) -> None:
        """Makes the samples' checksums right again, where tables still say where they are."""
        samples, levels = self._arrays.get("samples"), self._arrays.get("levels")
        sums, shards = self._arrays.get("sums"), self._arrays.get("shards")
        if samples is None or sums is None or samples.dtype != SAMPLE or samples.ndim != 1:
            return
        if sums.dtype != SUM or shards is None or shards.dtype.kind != "U":
            return
        if (np.ascontiguousarray(shards).view(np.uint32) > 0x10FFFF).any():
            return
        places = [samples[["ptr", "size"]].tolist()]
        if levels is not None and levels.dtype == LEVEL and levels.ndim == 2:
            places += [column.tolist() for column in levels.T]
        if sums.shape != (len(samples), len(places)):
            return
        names = [str(name) for name in shards.ravel().tolist()]
        for row, shard in enumerate(samples["shard"].tolist()):
            name = names[shard] if shard < len(names) else ""
            data = self.files.get(Path(name).name, bytearray())
            for column, pairs in enumerate(places):
                start, size = pairs[row] if row < len(pairs) else (0, 0)
                part = bytes(data[start : start + size]) if size <= len(data) else b""
                sums[row, column] = sample_sum(part) if part else 0

    def finish(self) -> dict[str, bytearray]:
        """The files, name to bytes, with what was done to them as they stand on disk."""
        if self._arrays or self._bodies:
            self.files[TABLES_NAME] = bytearray(self._npz())
        for edit in self._late:
            what, name, *rest = edit
            if name not in self.files:
                continue
            if what == "gone":
                del self.files[name]
            elif what == "empty":
                self.files[name] = bytearray()
            elif what == "file":
                edit_bytes(self.files[name], {}, rest)
            else:
                self._edit_index(what, name, rest)
        return self.files

    def _npz(self) -> bytes:
        file = io.BytesIO()
        with warnings.catch_warnings(), zipfile.ZipFile(file, "w") as archive:
            warnings.simplefilter("ignore", UserWarning)  # a name that comes twice
            for name in [*self._arrays, *self._twice]:
                if name not in self._arrays:
                    continue
                body = io.BytesIO()
                np.save(body, self._arrays[name], allow_pickle=True)
                kind = zipfile.ZIP_DEFLATED if name in self._deflated else zipfile.ZIP_STORED
                archive.writestr(f"{name}.npy", self._bodies.get(name, body.getvalue()), kind)
        return file.getvalue()

    def _edit_index(self, what: str, name: str, rest: Edit) -> None:
        lines = self.files[name].decode("latin-1").split("\n")
        line = rest[0] % len(lines)
        if what == "line":
            other = rest[1] % len(lines)
            lines[line], lines[other] = lines[other], lines[line]
        else:
            words = lines[line].split(" ")
            words[rest[1] % len(words)] = rest[2]
            lines[line] = " ".join(words)
        self.files[name] = bytearray("\n".join(lines).encode("latin-1", "replace"))


def _as_dtype(array: np.ndarray, dtype: str) -> np.ndarray:
    if dtype == "object":
        found = np.empty(min(max(1, array.size), _MOST_OBJECTS), object)
        found[:] = [print] * len(found)  # by its name, which whoever unpickles it looks up
        return found
    raw = array.tobytes()
    size = np.dtype(dtype).itemsize
    return np.frombuffer(raw[: len(raw) // size * size], dtype).copy()
