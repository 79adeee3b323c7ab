"""The tables of a prediction: by name, or in the homework's form; UTF-8 whatever the names are."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from headrace.pipeline.output_files import written
from headrace.pipeline.records import Records
from headrace.train.evaluation.outcome import Outcome


def write_csv(path: Path, outcome: Outcome, records: Records, classes: list[str]) -> None:
    """Writes one row per sample, in the order of the record file.

    The columns: name, label (the number of the true class, or nothing), predicted (that of the
    predicted class), class (its name), confidence. A byte of a file name that is not UTF-8 comes
    out as an escape, `\\udcf1` for 0xf1, as in the JSON of a manifest: readers of CSV refuse files
    of mixed encodings. A file that was there stays as it was if this fails.

    Raises:
        HeadraceError: if the file cannot be written.
    """
    with csv_rows(path) as rows:
        rows.writerow(["name", "label", "predicted", "class", "confidence"])
        columns = zip(
            outcome.indices.tolist(),
            outcome.labels.tolist(),
            outcome.predicted.tolist(),
            outcome.confidence.tolist(),
            strict=True,
        )
        for index, label, predicted, confidence in columns:
            truth = label if label >= 0 else ""
            name = records.name(index)
            rows.writerow([name, truth, predicted, classes[predicted], f"{confidence:.4f}"])


def write_submission(path: Path, outcome: Outcome, records: Records, classes: list[str]) -> None:
    """Writes what the homework's Kaggle competition takes.

    Header `Id,Category`; the ids count from 0000 through the samples in the order of their file
    names, as Python sorts text. The category is the class' number; where all class names are
    numbers, it is that number, as there the classes may be in another order (0, 1, 10, 2).

    Source: Hung-yi Lee, Machine Learning (National Taiwan University), homework 3, sample code.

    Raises:
        HeadraceError: if the file cannot be written.
    """
    numbers = [name for name in classes if name.isascii() and name.isdecimal()]
    categories = list(map(int, numbers)) if len(numbers) == len(classes) else range(len(classes))
    with csv_rows(path) as rows:
        rows.writerow(["Id", "Category"])
        for number, place in enumerate(in_name_order(outcome, records)):
            rows.writerow([f"{number:04d}", categories[int(outcome.predicted[place])]])


def in_name_order(outcome: Outcome, records: Records) -> list[int]:
    """Places in the outcome by file name; in order of the records where there are no names."""
    names = {place: records.name(int(i)) for place, i in enumerate(outcome.indices)}
    if all(name == f"#{outcome.indices[place]}" for place, name in names.items()):
        return list(names)
    return sorted(names, key=names.__getitem__)


@contextmanager
def csv_rows(path: Path) -> Iterator[Any]:
    """A csv.writer of a file that appears when the block ends; names may hold any bytes.

    Raises:
        HeadraceError: if it cannot be written.
    """
    with written(path) as file:
        text = io.TextIOWrapper(file, "utf-8", "backslashreplace", newline="")
        try:
            yield csv.writer(text)
        finally:
            text.detach()  # flushes; the file is closed by who opened it
