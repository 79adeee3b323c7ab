"""The CSV of a prediction: complete or not there, and UTF-8 whatever the names are."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from headrace.pipeline.atomic import replacing
from headrace.pipeline.errors import ConfigError, HeadraceError
from headrace.pipeline.records import Records
from headrace.train.evaluate.outcome import Outcome


def write_csv(path: Path, outcome: Outcome, records: Records, classes: list[str]) -> None:
    """Writes one row per sample, in the order of the record file.

    A byte of a file name that is not UTF-8 comes out as an escape, `\\udcf1` for 0xf1, as in the
    JSON of a manifest: readers of CSV refuse files of mixed encodings. A file that was there stays
    as it was if this fails.

    Raises:
        HeadraceError: if the file cannot be written.
    """
    try:
        with _output(path) as file:
            text = io.TextIOWrapper(file, "utf-8", "backslashreplace", newline="")
            rows = csv.writer(text)
            rows.writerow(["name", "label", "class", "confidence"])
            columns = zip(outcome.indices, outcome.predicted, outcome.confidence, strict=True)
            for index, label, confidence in columns:
                rows.writerow(
                    [records.name(int(index)), int(label), classes[label], f"{confidence:.4f}"]
                )
            text.detach()  # flushes; the file is closed by who opened it
    except OSError as error:
        raise HeadraceError(f"cannot write {path}: {error.strerror}") from None


def check_writable(path: Path) -> None:
    """Refuses a CSV that cannot be written, before anything is computed for it.

    Raises:
        ConfigError: naming what is in the way.
    """
    if path.is_dir():
        raise ConfigError(f"--csv {path} is a folder; name a file")
    if not path.parent.is_dir():
        raise ConfigError(f"--csv {path}: the folder {path.parent} does not exist; make it first")
    needed = [path] if path.exists() else []
    needed += [path.resolve().parent] if _is_plain(path) else []
    for place in needed:
        if not os.access(place, os.W_OK):
            raise ConfigError(f"--csv {path}: no permission to write {place}; name another file")


def _is_plain(path: Path) -> bool:
    """Whether a file can take its place; not that of a pipe, of a device or of /dev/stdout."""
    return Path("/dev") not in path.absolute().parents and (path.is_file() or not path.exists())


@contextmanager
def _output(path: Path) -> Iterator[IO[bytes]]:
    if _is_plain(path):
        with replacing(path.resolve()) as file:  # a link goes on naming the same file
            yield file
    else:
        with path.open("wb") as file:
            yield file
