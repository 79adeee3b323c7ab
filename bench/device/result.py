"""What has been found so far, as gpu.json and gpu.md: written again and again, so that a run cut
off still tells."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path
from typing import Any

from headrace.bench.core.result_file import write_json
from headrace.bench.core.tables import Column, markdown
from headrace.bench.device.job import Row, shown
from headrace.pipeline.atomic import replacing

_FOLDERS = re.compile(r"(?<![\w.])(?:/[\w.+@-]+)+/")
_APART_S = 2.0  # between two writes
COLUMNS = (Column("what"), Column("result", "shown"), Column("IQR", "iqr", ",.3g"), Column("note"))


class Result:
    """The rows so far; threads may add to them.

    Args:
        out: folder of the two files.
        command: as it was called.
    """

    def __init__(self, out: Path, command: str) -> None:
        self._out, self._command = out, command
        self._lock = threading.Lock()
        self._written = 0.0
        self._began = time.perf_counter()
        self.rows: list[Row] = []
        self.seconds: dict[str, float] = {}

    def add(self, section: str, row: Row) -> None:
        """Takes a row up and prints it; the end of a part tells only its seconds."""
        with self._lock:
            if "seconds" in row:
                self.seconds[f"{section}: {row['what']}"] = row["seconds"]
            else:
                row = _told({"section": section, **row})
                self.rows.append(row)
                print(line(row), flush=True)
            if time.perf_counter() - self._written > _APART_S:
                self._write(finished=False)

    def finish(self) -> None:
        """The last write."""
        with self._lock:
            self._write(finished=True)

    def _write(self, finished: bool) -> None:
        elapsed_s = time.perf_counter() - self._began
        more: dict[str, Any] = {"finished": finished, "elapsed_s": elapsed_s}
        write_json(
            self._out / "gpu.json",
            command=self._command,
            rows=self.rows,
            seconds=self.seconds,
            **more,
        )
        with replacing(self._out / "gpu.md") as file:
            file.write(self._markdown(finished, elapsed_s).encode())
        self._written = time.perf_counter()

    def _markdown(self, finished: bool, elapsed_s: float) -> str:
        state = "finished" if finished else "not finished"
        text = [f"`{self._command}`", f"{state}, {elapsed_s:.0f} s"]
        for section in dict.fromkeys(row["section"] for row in self.rows):
            rows = [row for row in self.rows if row["section"] == section]
            text += [f"## {section}", markdown(rows, COLUMNS)]
        return "\n\n".join(text) + "\n"


def _told(row: Row) -> Row:
    """A row whose words are one line, fit for a table, and name no folders."""
    for name in ("note", "missing"):
        if row.get(name):
            words = " ".join(str(row[name]).split()).replace("|", "/")
            row[name] = _FOLDERS.sub("", words)
    return {**row, "shown": shown(row)}


def line(row: Row) -> str:
    """A row on screen."""
    spread = f" ± {row['iqr']:.3g}" if row.get("iqr") else ""
    note = f"  ({row['note']})" if row.get("note") else ""
    return f"{row['section']:<12} {row['what']:<44} {row['shown']}{spread}{note}".rstrip()
