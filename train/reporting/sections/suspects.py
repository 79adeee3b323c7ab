"""Samples whose label may be wrong, as a CSV in or beside the run folder lists them."""

from __future__ import annotations

import csv
from pathlib import Path

from headrace.pipeline.wording import counted
from headrace.train.reporting.elements import Cell, Column, Picture, Section, Table, text_cell
from headrace.train.reporting.sections.mistakes import draw
from headrace.train.reporting.subject import Subject

PLACES = ("*suspects*.csv", "suspects/labels.csv", "../suspects/labels.csv")
"""In or beside the run folder; the last is that of a run of several folds."""
SHOWN, PICTURED = 50, 18


def make(subject: Subject) -> Section | None:
    """The first suspects with their pictures; None where no such file is there."""
    path = find_list(subject.log.folder)
    if path is None:
        return None
    try:
        with path.open(encoding="utf-8", errors="backslashreplace", newline="") as file:
            reader = csv.DictReader(file)
            columns = list(reader.fieldnames or ())
            rows = list(reader)
    except (OSError, csv.Error) as error:
        subject.gaps.append(f"{path.name} cannot be read: {error}.")
        return None
    if "name" not in columns:
        subject.gaps.append(f"{path.name} has no column `name`, so its suspects are not shown.")
        return None
    # Others lie in wait behind the name; it comes first, for it says what a row is about.
    columns = ["name", *(column for column in columns if column != "name")]
    shown = rows[:SHOWN]
    table = Table(
        id="suspect-rows",
        caption=f"Suspects of {path.name}",
        columns=[
            Column(name=column, number=all(_is_number(row[column]) for row in shown))
            for column in columns
        ],
        rows=[[_cell(row[column]) for column in columns] for row in shown],
        sortable=True,
    )
    return Section(
        id="suspects",
        title="Suspected labels",
        values={
            "table": table,
            "pictures": _pictures(subject, [row for row in rows[:PICTURED] if row["name"]]),
            "file": path.name,
            "count": counted(len(rows), "sample"),
        },
    )


def find_list(folder: Path) -> Path | None:
    """The first list of suspects in or beside a run folder."""
    for place in PLACES:
        base = folder.parent if place.startswith("../") else folder
        if found := sorted(base.glob(place.removeprefix("../"))):
            return found[0]
    return None


def _about(row: dict[str, str]) -> list[str]:
    """What stands under a suspect's picture."""
    if row.get("class") and row.get("predicted_class"):
        given, other = row.get("probability", ""), row.get("predicted_probability", "")
        return [f"labelled {row['class']} {given}", f"looks like {row['predicted_class']} {other}"]
    return [f"{key}: {value}" for key, value in row.items() if key != "name" and value][:2]


def _pictures(subject: Subject, rows: list[dict[str, str]]) -> list[Picture]:
    if subject.records is None or not rows:
        return []
    wanted = {row["name"] for row in rows}
    places: dict[str, int] = {}
    for index in range(len(subject.records)):
        name = subject.records.name(index)
        if name in wanted:
            places.setdefault(name, index)
    pictures = []
    for row in rows:
        if row["name"] not in places:
            continue
        lines = _about(row)
        picture = draw(subject, places[row["name"]], row["name"], ", ".join(lines), lines)
        if picture is not None:
            pictures.append(picture)
    return pictures


def _is_number(text: str | None) -> bool:
    try:
        float(text or "")
    except ValueError:
        return False
    return True


def _cell(text: str | None) -> Cell:
    text = text or ""
    if not _is_number(text):
        return text_cell(Path(text).name if "/" in text else text)
    value = float(text)
    return Cell(text=text if "." not in text else f"{value:.4g}", value=value)
