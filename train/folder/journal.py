"""What a run notes down in its folder: metrics.jsonl and TensorBoard events."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from headrace.pipeline.errors import HeadraceError
from headrace.train.folder.run_folder import LOG_NAME


def read_rows(path: Path) -> tuple[list[Mapping[str, Any]], int]:
    """The rows of a metrics.jsonl, and how many lines within it cannot be read.

    Half a line at the end is not counted: a killed process may leave one.

    Raises:
        OSError: if the file cannot be read.
    """
    lines = path.read_text(encoding="utf-8", errors="backslashreplace").splitlines()
    rows: list[Mapping[str, Any]] = []
    num_bad = 0
    for number, line in enumerate(lines):
        try:
            row = json.loads(line)
            rows.append(row if isinstance(row, dict) else {})
        except json.JSONDecodeError:
            num_bad += number < len(lines) - 1
    return rows, num_bad


class Journal:
    """Writes rows of numbers; does nothing on processes other than the first.

    Args:
        folder: the run's.
        enabled: whether this process writes.
        tensorboard: whether to write events too.
        resume_bytes: length of metrics.jsonl at the checkpoint from which the run goes on; later
            rows are of steps that will be done again, and are cut off.
        resume_step: the global step of that checkpoint.
    """

    def __init__(
        self,
        folder: Path,
        *,
        enabled: bool,
        tensorboard: bool,
        resume_bytes: int = 0,
        resume_step: int = 0,
    ) -> None:
        self.folder = folder
        self._file: Any = None
        self._events: Any = None
        self._folder_handle: int | None = None
        if not enabled:
            return
        try:
            self._file = (folder / LOG_NAME).open("ab")
            if self._file.tell() > resume_bytes:
                self._file.truncate(resume_bytes)
                self._file.seek(0, os.SEEK_END)
        except OSError as error:
            raise HeadraceError(f"cannot write {folder / LOG_NAME}: {error.strerror}") from None
        if tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            # The checkpoint's own step has its points already; what is purged begins here.
            purge = resume_step + 1 if resume_bytes else None
            self._events = SummaryWriter(self._as_text(folder), purge_step=purge)

    def row(self, kind: str, values: Mapping[str, Any]) -> None:
        """Appends one JSON row and hands it to the system at once."""
        if self._file is not None:
            row = _finite({"kind": kind, **values})
            line = json.dumps(row, ensure_ascii=False, allow_nan=False)
            # A byte of a path that is no UTF-8 comes out as JSON's own escape.
            self._file.write(line.encode("utf-8", "backslashreplace") + b"\n")
            self._file.flush()

    def curves(self, prefix: str, step: int, values: Mapping[str, float]) -> None:
        """Adds points to TensorBoard's curves."""
        if self._events is not None:
            for name, value in values.items():
                self._events.add_scalar(f"{prefix}/{name}", value, step)

    @property
    def events(self) -> Any:
        """TensorBoard's writer, for what is no curve; None where there is none."""
        return self._events

    def position_bytes(self) -> int:
        """Length of metrics.jsonl so far."""
        return 0 if self._file is None else int(self._file.tell())

    def close(self) -> None:
        for part in (self._file, self._events):
            if part is not None:
                part.close()
        self._file = self._events = None
        if self._folder_handle is not None:
            os.close(self._folder_handle)
            self._folder_handle = None

    def _as_text(self, folder: Path) -> str:
        """A name of the folder that is UTF-8, for TensorBoard knows no other."""
        try:
            str(folder).encode()
        except UnicodeEncodeError:
            # Other bytes occur on Linux alone, which names every open folder by a number too.
            self._folder_handle = os.open(folder, os.O_RDONLY)
            return f"/proc/self/fd/{self._folder_handle}"
        return str(folder)


def _finite(value: Any) -> Any:
    """With words in place of what JSON has no number for: `inf`, `-inf`, and null for NaN."""
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    return value
