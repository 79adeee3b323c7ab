"""What every section is told: where to run, on which images, how long."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]
"""One result: `what`, and any of `value` with `unit`, `ok`, `missing`, `note`."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What every section is told.

    Attributes:
        device: cpu or cuda[:N].
        data: a packed file, the given images over and over in one split `train`, for epochs that
            last.
        resident_data: the same, no more than may be kept in memory.
        quick: the smallest form of everything, to see that it runs.
        workers: threads or processes of a loader.
        scratch: a folder for what a section writes.
    """

    device: str
    data: str
    resident_data: str
    quick: bool
    workers: int
    scratch: str

    def data_of(self, loader: str) -> str:
        """The file that a loader is measured on."""
        return self.resident_data if loader == "resident" else self.data

    @property
    def sizes(self) -> tuple[int, ...]:
        """Sides of the images that come out, px."""
        return (32,) if self.quick else (128, 224)

    @property
    def batch_size(self) -> int:
        return 8 if self.quick else 256

    @property
    def repeats(self) -> int:
        """Measured runs of each."""
        return 1 if self.quick else 3

    @property
    def min_s(self) -> float:
        """Least duration of one of them."""
        return 0.0 if self.quick else 1.0

    def to_text(self) -> str:
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_text(cls, text: str) -> Job:
        return cls(**json.loads(text))


def speed_row(what: str, images_per_s: float, iqr: float, **more: Any) -> Row:
    """A result in images/s, with the distance between the quartiles of its runs."""
    return {"what": what, "value": images_per_s, "iqr": iqr, "unit": "images/s", **more}


def failed_row(what: str, error: Exception) -> Row:
    """What an error has ended, and the beginning of what it says."""
    return {"what": what, "ok": False, "note": f"{type(error).__name__}: {error}"[:300]}


def shown(row: Mapping[str, Any]) -> str:
    """A row's value in words: the number with its unit, ok, FAILED, or what is missing."""
    if row.get("missing"):
        return f"missing: {row['missing']}"
    if row.get("ok") is not None:
        return "ok" if row["ok"] else "FAILED"
    value = row.get("value")
    if value is None:
        return ""
    text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{text} {row.get('unit', '')}".strip()
