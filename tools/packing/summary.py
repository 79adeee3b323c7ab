"""The table that every pack ends with, that --dry-run begins with and that info shows again."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from headrace.pipeline.command_line import called
from headrace.pipeline.containers.manifest import Manifest, Skipped
from headrace.pipeline.containers.pack_report import (
    NAMES_WITH_TWO_LABELS,
    Double,
    LeftOut,
    PackReport,
)
from headrace.pipeline.layouts.listing import Listing
from headrace.pipeline.layouts.listing_report import IGNORED, NO_IMAGE, SKIPPED
from headrace.pipeline.wording import counted, printable
from headrace.tools.packing.class_rows import ClassRow, class_rows
from headrace.tools.packing.level_counts import levels_line
from headrace.tools.packing.report import make_report, planned
from headrace.tools.packing.run import Result
from headrace.tools.packing.text_table import (
    aligned,
    cut_in_the_middle,
    joined,
    size_text,
    terminal_width,
    titled,
    wrapped,
)

_TITLE_COLUMNS = 32
_LEAST_FOR_NAMES = 16
_MORE = re.compile(r"and [0-9]+ more")
_PAIRS = 2
_COMBINATIONS = 4
_EVERYTHING = 1 << 40
_TABLE_COLUMNS = 100
# Where each class numbers its files from 1, that names occur twice says nothing.
_FEW_OF_ALL = 0.1


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How much is shown.

    Attributes:
        width: columns of the terminal, None to wrap no sentence.
        classes: rows of the class table at most.
        lines: of anything else at most, per section.
        rest: where the rest is to be seen.
    """

    width: int | None = None
    classes: int = 30
    lines: int = 5
    rest: str = "--show-all"

    @property
    def everything(self) -> bool:
        """Whether nothing is left away."""
        return self.lines >= _EVERYTHING


def shape_of_terminal(*, everything: bool, rest: str, classes: int = 30) -> Shape:
    """As wide as the terminal; `everything` leaves nothing away."""
    width = terminal_width()
    if everything:
        return Shape(width=width, classes=_EVERYTHING, lines=_EVERYTHING, rest=rest)
    return Shape(width=width, rest=rest, classes=classes)


def pack_lines(out: Path, result: Result, shape: Shape) -> list[str]:
    """What a pack ends with."""
    manifest, num_samples = result.manifest, len(result.labels)
    report = manifest.report or PackReport()
    rate = num_samples / max(result.seconds, 1e-9)
    rows = class_rows(manifest.classes, result.labels, manifest.splits, result.names.__getitem__)
    lines = [
        f"{out}: {_size_of_set(num_samples, manifest.classes)}, layout {report.layout}, "
        f"{size_text(result.num_bytes)} in {result.seconds:.1f} s ({rate:.0f} images/s)"
    ]
    lines += stored_lines(report.stored)
    lines += levels_line(result.levels, result.image_bytes)
    if manifest.mean and manifest.std:
        mean, std = (" ".join(f"{v:.3f}" for v in t) for t in (manifest.mean, manifest.std))
        lines.append(f"  mean {mean}  std {std}")
    lines += report_lines(report, rows, manifest.skipped, shape)
    lines += _no_validation_lines(manifest, shape)
    return lines + next_lines(out, result.labels, manifest.classes, shape.width)


def _size_of_set(num_samples: int, classes: Sequence[str]) -> str:
    return f"{counted(num_samples, 'image')}, {counted(len(classes), 'class')}"


def pack_told(out: Path, result: Result) -> dict[str, Any]:
    """The same for programs."""
    manifest = result.manifest
    return {
        "out": out,
        "images": len(result.labels),
        "classes": list(manifest.classes),
        "splits": {name: list(ends) for name, ends in manifest.splits.items()},
        "bytes": result.num_bytes,
        "seconds": result.seconds,
        "mean": manifest.mean,
        "std": manifest.std,
        "skipped": [asdict(skipped) for skipped in manifest.skipped],
        "report": (manifest.report or PackReport()).to_json(),
    }


def next_lines(
    path: Path, labels: np.ndarray, classes: Sequence[str], width: int | None
) -> list[str]:
    """What to do with a packed file.

    Args:
        path: of the file.
        labels: (N,) int64 of its samples, -1 for none.
        classes: their names.
        width: columns of the terminal, None to wrap nothing.
    """
    present = np.unique(labels[labels >= 0]).tolist()
    if not present:
        then = called("predict", "RUN", path, "--csv", "answer.csv")
        said = f"no image has a label to train on; a trained model predicts them: {then}"
    elif len(present) == 1:
        only = printable(classes[present[0]])
        said = (
            f"training needs two classes, and there is only {only}: add another one's folder and "
            "pack again"
        )
    else:
        return [f"next: {called('train', '--data', path)}"]
    return wrapped(f"next: {said}", width, 0)


def _no_validation_lines(manifest: Manifest, shape: Shape) -> list[str]:
    splits = manifest.splits.keys()
    if len(manifest.classes) < 2 or "train" not in splits or splits & {"val", "test"}:
        return []
    said = "--val-fraction 0.1, here or in training, sets some of train apart"
    return wrapped(f"no split to validate on: {said}", shape.width, 2)


def dry_run_lines(listing: Listing, shape: Shape) -> list[str]:
    """What can be said before any file is read: the same table, without what decoding tells."""
    report, skipped = make_report(listing, planned(listing), {})
    rows = class_rows(listing.classes, listing.labels, listing.splits, listing.paths.__getitem__)
    return [
        f"{listing.root}: {_size_of_set(len(listing.paths), listing.classes)}, layout "
        f"{listing.layout} (nothing is decoded or written)",
        *report_lines(report, rows, skipped, shape),
    ]


def report_lines(
    report: PackReport, rows: Sequence[ClassRow], skipped: Sequence[Skipped], shape: Shape
) -> list[str]:
    """Everything of a report, in lines for a terminal.

    Args:
        report: what a pack took, passed over and left out.
        rows: its classes.
        skipped: images left out, one by one, for where everything is shown.
        shape: how much of it.
    """
    lines = _found_lines(report, shape)
    lines += class_table(rows, shape)
    lines += _left_out_lines(report, skipped, shape)
    return lines + titled("look at", _warnings(report, rows, shape), shape.width)


def _found_lines(report: PackReport, shape: Shape) -> list[str]:
    lines = []
    if report.layout:
        lines += titled("layout", [report.why or report.layout], shape.width)
    lines += titled("taken", _some(report.taken, shape), shape.width)
    passed = [f"{passed.name}: {passed.reason}" for passed in report.passed_over]
    lines += titled("passed over", _some(passed, shape), shape.width)
    for note in _some(report.notes, shape):
        lines += wrapped(f"note: {note}", shape.width, 2)
    return lines


def stored_lines(stored: Mapping[str, int]) -> list[str]:
    """How samples are stored, one line for each way."""
    return [f"  {count} {way}" for way, count in stored.items()]


def class_table(rows: Sequence[ClassRow], shape: Shape) -> list[str]:
    """Samples of each class in each split, with as many names as there is room for."""
    if not rows:
        return []
    splits = list(rows[0].counts)
    shown = rows[: shape.classes]
    cells = [["", *splits]]
    for row in shown:
        title = row.name if shape.everything else cut_in_the_middle(row.name, _TITLE_COLUMNS)
        cells.append([title, *(str(count) for count in row.counts.values())])
    names = ["such as", *(row.samples for row in shown)]
    if len(rows) > len(shown):
        cells.append([f"... {len(rows) - len(shown)} more", *("" for _ in splits)])
        names.append(shape.rest)
    cells.append(["all", *(str(sum(row.counts[split] for row in rows)) for split in splits)])
    names.append("")
    room = (shape.width or _TABLE_COLUMNS) - 4
    room -= sum(2 + max(len(row[i]) for row in cells) for i in range(len(cells[0]))) - 2
    if room < _LEAST_FOR_NAMES:
        return aligned(cells, ["" for _ in cells])
    whole = None if shape.everything else room
    ends = [n if isinstance(n, str) else joined(n, whole, len(n), more=False) for n in names]
    return aligned(cells, ends)


def _left_out_lines(report: PackReport, skipped: Sequence[Skipped], shape: Shape) -> list[str]:
    images = [group for group in report.left_out if group.kind in (SKIPPED, IGNORED)]
    others = [group for group in report.left_out if group.kind not in (SKIPPED, IGNORED)]
    lines = []
    if shape.everything and skipped:
        lines.append(f"  {counted(sum(group.count for group in images), 'image')} left out:")
        lines += [f"    {file.name}: {file.reason}" for file in skipped]
    else:
        for kind in (SKIPPED, IGNORED):
            lines += _group_lines(kind, [g for g in images if g.kind == kind], shape)
        if any(line.startswith("    ") and _MORE.search(line) for line in lines):
            lines.append(f"    one by one: {shape.rest}")
    if report.beyond:
        lines.append(f"    {report.beyond} more are named nowhere")
    plain = [group for group in others if group.reason.startswith(NO_IMAGE)]
    if plain:
        kinds = ", ".join(f"{group.count} {group.kind}" for group in plain)
        total = sum(group.count for group in plain)
        what = f"other file{'s that are no images' if total != 1 else ' that is no image'}"
        lines += wrapped(f"{total} {what}: {kinds}", shape.width, 2)
    told = [group for group in others if not group.reason.startswith(NO_IMAGE)]
    one = sum(group.count for group in told) == 1
    return lines + _group_lines(f"other file{'' if one else 's'} left out", told, shape)


def _group_lines(title: str, groups: Sequence[LeftOut], shape: Shape) -> list[str]:
    """A line for each reason, the names before it."""
    if not groups:
        return []
    lines = [f"  {sum(group.count for group in groups)} {title}:"]
    for group in groups[: shape.lines]:
        plain = group.kind in (SKIPPED, IGNORED) or group.reason.startswith(group.kind)
        reason = f": {group.reason}" if plain else f": {group.kind}, {group.reason}"
        room = None if shape.width is None else max(shape.width - 4 - len(reason), 24)
        lines += wrapped(joined(group.examples, room, group.count) + reason, shape.width, 4)
    hidden = sum(group.count for group in groups[shape.lines :])
    if hidden:
        lines.append(f"    and {hidden} more for {len(groups) - shape.lines} other reasons")
    return lines


def _warnings(report: PackReport, rows: Sequence[ClassRow], shape: Shape) -> list[str]:
    found = []
    if report.alike:
        groups = [" / ".join(f"{name!r}" for name in group) for group in report.alike]
        found.append(
            "class names that differ only in case, spaces or Unicode form: "
            + "; ".join(_some(groups, shape))
        )
    num_images = sum(sum(row.counts.values()) for row in rows)
    for double in report.doubles:
        few = double.count < _FEW_OF_ALL * (double.of or num_images)
        if few or double.what != NAMES_WITH_TWO_LABELS:
            found += _double_lines(double)
    return found


def _double_lines(double: Double) -> list[str]:
    parts = [f"{count} in {names}" for names, count in double.among.items()]
    among = ", ".join(parts if len(parts) <= _COMBINATIONS else [*parts[:_COMBINATIONS], "..."])
    count = f"{double.count} ({among})" if len(parts) > 1 else among or double.count
    sign = " and " if double.what == NAMES_WITH_TWO_LABELS else " = "
    return [
        f"{double.what}: {count}",
        *(
            "  " + sign.join(f"{name} ({where})" for name, where in row)
            for row in double.examples[:_PAIRS]
        ),
    ]


def _some(lines: Sequence[str], shape: Shape) -> list[str]:
    if len(lines) <= shape.lines + 1:
        return list(lines)
    return [*lines[: shape.lines], f"... {len(lines) - shape.lines} more: {shape.rest}"]
