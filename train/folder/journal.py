"""What a run notes down in its folder: metrics.jsonl and TensorBoard events."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from headrace.pipeline.errors import FailedError
from headrace.pipeline.plain_json import finite, read_json
from headrace.pipeline.unwritable import writing
from headrace.train.folder.events import Events
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
            row = read_json(line)
            rows.append(row if isinstance(row, dict) else {})
        except ValueError:
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

    Raises:
        FailedError: here and in every method, if the disk is full.
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
        self._events: Events | None = None
        if not enabled:
            return
        with self._telling():
            self._file = (folder / LOG_NAME).open("ab")
            if self._file.tell() > resume_bytes:
                self._file.truncate(resume_bytes)
                self._file.seek(0, os.SEEK_END)
        if tensorboard:
            # The checkpoint's own step has its points already; what is purged begins here.
            self._events = Events(folder, resume_step + 1 if resume_bytes else None)

    def row(self, kind: str, values: Mapping[str, Any]) -> None:
        """Appends one JSON row and hands it to the system at once."""
        if self._file is not None:
            row = finite({"kind": kind, **values})
            line = json.dumps(row, ensure_ascii=False, allow_nan=False)
            with self._telling():
                # A byte of a path that is no UTF-8 comes out as JSON's own escape.
                self._file.write(line.encode("utf-8", "backslashreplace") + b"\n")
                self._file.flush()

    def curves(self, prefix: str, step: int, values: Mapping[str, float]) -> None:
        """Adds points to TensorBoard's curves."""
        if self._events is not None:
            self._events.curves(prefix, step, values)

    @property
    def events(self) -> Any:
        """TensorBoard's writer, for what is no curve; None where there is none."""
        return None if self._events is None else self._events.writer

    def position_bytes(self) -> int:
        """Length of metrics.jsonl so far."""
        return 0 if self._file is None else int(self._file.tell())

    def close(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        """Writes what is left; called as an ExitStack calls what it leaves.

        Raises:
            FailedError: if that fails, and nothing else has ended the run.
        """
        file, events = self._file, self._events
        self._file = self._events = None
        with suppress(FailedError) if kind else nullcontext(), ExitStack() as parts:
            if events is not None:
                parts.callback(events.close)
            if file is not None:
                with self._telling():
                    file.close()

    def _telling(self) -> AbstractContextManager[None]:
        return writing(self.folder / LOG_NAME)
