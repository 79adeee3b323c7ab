"""The manifest: what FFCV's format has no place for, stored inside the same file.

Bytes form, little-endian::

    header   magic "HRMANIF1", json length u8, name count u8, names length u8
    json     UTF-8: classes, splits, encoding, mean, std, skipped, and report, levels and synthetic
             where there are any
    offsets  u8 x (name count + 1), where each name starts in `names`
    names    UTF-8, one after another

Names are kept out of the JSON so that opening a million samples need not read them. Keys of the
JSON that a reader does not know are passed over.

A file name need not be UTF-8. In `names` its bytes stand as the file system has them; in Python
they are lone surrogates (os.fsdecode), which the JSON holds as escapes.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from headrace.pipeline.containers.pack_report import PackReport
from headrace.pipeline.errors import RecordsError
from headrace.pipeline.levels import MAX_LEVELS
from headrace.pipeline.plain_json import read_json
from headrace.pipeline.wording import AGAIN

MAGIC = b"HRMANIF1"
HEADER = np.dtype([("magic", "S8"), ("json", "<u8"), ("count", "<u8"), ("names", "<u8")])
DEFAULT_SPLIT = "train"
MAX_JSON_BYTES = 1 << 25
"""A hundred times what ImageNet's takes; what JSON becomes in memory is many times as large."""
_MAX_DEPTH = 32


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """A source file that is not in the records, and why."""

    name: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class LevelsPlace:
    """Where in a .beton the table of its samples' levels is; see containers/level_table.py.

    Attributes:
        offset: of its first byte in the file.
        count: levels that it has a column for.
    """

    offset: int
    count: int


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a set of records says of itself.

    Attributes:
        classes: class names; a label is an index into them.
        splits: split name to half-open range of record indices, in file order.
        encoding: how the samples were encoded (format, max_side, quality, ...).
        mean, std: per channel (R, G, B) of the training split in 0..1, None where not measured.
        skipped: source files left out; beyond a bound only `report` counts them.
        report: what the pack took, passed over and left out; None in files of earlier versions.
        levels: where smaller sizes of the samples are; None where there are none, and in shards.
        synthetic: how images that no camera took were made (generator, seed, ...); None where they
            are photographs, as far as is known.
    """

    classes: tuple[str, ...] = ()
    splits: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    encoding: Mapping[str, Any] = field(default_factory=dict)
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None
    skipped: tuple[Skipped, ...] = ()
    report: PackReport | None = None
    levels: LevelsPlace | None = None
    synthetic: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        for name, (start, stop) in self.splits.items():
            if not 0 <= start <= stop:
                raise RecordsError(f"split {name!r} has the impossible range {start}..{stop}")

    def to_json(self) -> dict[str, Any]:
        """The manifest as plain JSON values; `from_json` reads it back."""
        values: dict[str, Any] = {
            "classes": list(self.classes),
            "splits": {name: list(span) for name, span in self.splits.items()},
            "encoding": dict(self.encoding),
            "mean": self.mean,
            "std": self.std,
            "skipped": [[s.name, s.reason] for s in self.skipped],
        }
        if self.report is not None:
            values["report"] = self.report.to_json()
        if self.levels is not None:
            values["levels"] = asdict(self.levels)
        if self.synthetic is not None:
            values["synthetic"] = dict(self.synthetic)
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Manifest:
        """Reads what `to_json` made.

        Raises:
            RecordsError: if a key is missing or has another shape. Unknown keys are passed over.
        """
        try:
            _check_depth(values)
            report, levels = values.get("report"), values.get("levels")
            return cls(
                classes=_texts(values["classes"]),
                splits=_ranges(values["splits"]),
                encoding=dict(values["encoding"]),
                mean=_triple(values["mean"]),
                std=_triple(values["std"]),
                skipped=tuple(Skipped(name=str(n), reason=str(r)) for n, r in values["skipped"]),
                report=None if report is None else PackReport.from_json(report),
                levels=None if levels is None else _levels_place(**levels),
                synthetic=_synthetic(values.get("synthetic")),
            )
        except KeyError as error:
            raise RecordsError(f"the manifest is damaged: it lacks {error}") from error
        except (TypeError, ValueError, AttributeError, OverflowError) as error:
            raise RecordsError(f"the manifest is damaged: {str(error)[:200]!a}") from error


def _check_depth(values: Any) -> None:
    """Refuses brackets inside brackets, which Python's own limits would end in a traceback."""
    layer = [values]
    for _ in range(_MAX_DEPTH):
        inside = (v.values() if isinstance(v, dict) else v for v in layer)
        layer = [v for v in itertools.chain(*inside) if isinstance(v, dict | list)]
        if not layer:
            return
    raise ValueError(f"values lie more than {_MAX_DEPTH} deep in each other")


def _texts(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise TypeError("classes that are no list of names")
    return tuple(values)


def _ranges(values: Any) -> dict[str, tuple[int, int]]:
    """Splits; they may overlap, which training refuses where it would matter."""
    found: dict[str, tuple[int, int]] = {}
    for name, (start, stop) in values.items():
        if type(start) is not int or type(stop) is not int or not 0 <= start <= stop:
            raise ValueError(f"split {name[:40]!r} has the impossible range {start}..{stop}")
        found[name] = start, stop
    return found


def _levels_place(*, offset: int, count: int, **_: Any) -> LevelsPlace:
    if type(offset) is not int or type(count) is not int or not 1 <= count <= MAX_LEVELS:
        raise ValueError(f"levels at {offset!r}, {count!r} of them")
    return LevelsPlace(offset=offset, count=count)


def _synthetic(values: Any) -> dict[str, Any] | None:
    """How images were made; of its keys only the generator's name has a form."""
    if values is None:
        return None
    if not isinstance(values, dict) or not isinstance(values.get("generator", ""), str):
        raise TypeError("a mark of synthetic images that names no generator")
    return dict(values)


def _triple(values: Sequence[float] | None) -> tuple[float, float, float] | None:
    if values is None:
        return None
    r, g, b = (float(v) for v in values)
    if not all(math.isfinite(v) and v >= 0 for v in (r, g, b)):
        raise ValueError(f"mean or deviation {r}, {g}, {b}")
    return r, g, b


class NameTable(Sequence[str]):
    """File names, decoded only when asked for.

    Args:
        offsets: (N + 1,) uint64, where each name starts.
        text: (bytes,) uint8, the names' bytes: UTF-8, or whatever else the file system had.
    """

    def __init__(self, offsets: np.ndarray, text: np.ndarray) -> None:
        self._offsets = offsets
        self._text = text

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        index %= len(self)
        start, stop = int(self._offsets[index]), int(self._offsets[index + 1])
        return self._text[start:stop].tobytes().decode("utf-8", "surrogateescape")


def json_bytes(values: Any) -> bytes:
    """JSON as UTF-8; json.loads gives every text back, lone surrogates too."""
    # The handler's escape of a lone surrogate happens to be JSON's.
    return json.dumps(values, ensure_ascii=False).encode("utf-8", "backslashreplace")


def manifest_bytes(manifest: Manifest, names: Sequence[str]) -> bytes:
    """The manifest and the samples' names in the bytes form above."""
    body = json_bytes(manifest.to_json())
    body += b" " * (-len(body) % 8)  # keeps the offsets aligned
    encoded = [name.encode("utf-8", "surrogateescape") for name in names]
    offsets = np.zeros(len(encoded) + 1, "<u8")
    np.cumsum([len(e) for e in encoded], out=offsets[1:])
    header = np.array([(MAGIC, len(body), len(encoded), int(offsets[-1]))], HEADER)
    return b"".join([header.tobytes(), body, offsets.tobytes(), *encoded])


def read_manifest(data: np.ndarray) -> tuple[Manifest, NameTable]:
    """Reads the bytes form.

    Args:
        data: (bytes,) uint8; the names stay a view of it.

    Raises:
        RecordsError: if a length does not fit or the JSON is damaged.
    """
    if data.size < HEADER.itemsize:
        raise RecordsError("the manifest is cut short")
    header = data[: HEADER.itemsize].view(HEADER)[0]
    start, count = HEADER.itemsize + int(header["json"]), int(header["count"])
    if start > MAX_JSON_BYTES:
        raise RecordsError(f"the manifest is damaged: its JSON has {start} bytes")
    names_start = start + (count + 1) * 8
    if header["magic"] != MAGIC or names_start + int(header["names"]) != data.size:
        raise RecordsError("the manifest is damaged: its lengths do not add up")
    try:
        values = read_json(data[HEADER.itemsize : start].tobytes())
    except ValueError as error:
        raise RecordsError(f"the manifest is damaged: {error}") from error
    manifest = Manifest.from_json(values)
    offsets = np.frombuffer(data, "<u8", count + 1, start)
    ends = int(offsets[0]), int(offsets[-1])
    if ends != (0, int(header["names"])) or (offsets[1:] < offsets[:-1]).any():
        raise RecordsError("the manifest is damaged: its names do not fit")
    return manifest, NameTable(offsets, data[names_start:])


def manifest_of(data: np.ndarray, num_samples: int, path: Path) -> tuple[Manifest, NameTable]:
    """Reads the bytes form out of a file of so many samples.

    Raises:
        RecordsError: naming the file, if it is damaged, or of other samples.
    """
    try:
        manifest, names = read_manifest(data)
    except RecordsError as error:
        raise RecordsError(f"{path}: {error}; {AGAIN}") from error
    stops = [stop for _, stop in manifest.splits.values()]
    if len(names) != num_samples or max(stops, default=0) > num_samples:
        raise RecordsError(f"{path} is damaged: its manifest describes other samples; {AGAIN}")
    return manifest, names
