"""Several runs beside each other: how good each got, how sure that is, and what it took."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from headrace.train.clock import spell
from headrace.train.metrics import metric_of
from headrace.train.reporting.elements import (
    NONE,
    Cell,
    Column,
    Section,
    Table,
    interval_text,
    number_cell,
    percent,
    text_cell,
)
from headrace.train.reporting.intervals import mcnemar, wilson
from headrace.train.reporting.sections.run_settings import OF_THE_PLACE
from headrace.train.reporting.sections.verdict import num_judged
from headrace.train.reporting.subject import Subject
from headrace.train.settings.config_file import to_flat

OF_A_REPEAT = frozenset({"seed", "train_split", "val_split"})
"""Settings in which repeats, by seeds or by folds, are not the same."""
COLUMNS = (
    Column(name="Run"),
    Column(name="Accuracy", number=True, help="of the best epoch on what was held out"),
    Column(name="95% interval", number=True, help="Wilson; sorts by its lower end"),
    Column(name="Best epoch", number=True),
    Column(name="Epochs", number=True),
    Column(name="Train accuracy", number=True, help="of the last epoch, on augmented images"),
    Column(name="ECE", number=True, help="expected calibration error of the best checkpoint"),
    Column(name="Time", number=True),
    Column(name="Images/s", number=True, help="in training, median epoch"),
    Column(name="Parameters", number=True),
    Column(name="Model"),
)


def make(subjects: Sequence[Subject], names: Sequence[str]) -> Section:
    """The table of runs, and whether the best is better by more than luck."""
    rows = [_row(subject, name) for subject, name in zip(subjects, names, strict=True)]
    accuracies = [_accuracy(subject) for subject in subjects]
    known = [place for place, value in enumerate(accuracies) if value is not None]
    best = max(known, key=lambda place: accuracies[place] or 0.0) if known else None
    pairs, count = _pairs(subjects, names, best)
    gaps = [
        f"{name}: {gap}"
        for subject, name in zip(subjects, names, strict=True)
        for gap in (*subject.log.gaps, *subject.gaps)
    ]
    return Section(
        id="comparison",
        title="Verdict",
        values={
            **_headline(subjects, names, accuracies, best),
            "table": Table(
                id="runs", caption="The runs", columns=COLUMNS, rows=rows, sortable=True
            ),
            "pairs": pairs,
            "count": f"{count:,}",
            "gaps": gaps,
        },
    )


def _accuracy(subject: Subject) -> float | None:
    best = subject.log.best
    return None if best is None else float(best["val_accuracy"])


def _row(subject: Subject, name: str) -> list[Cell]:
    log, judged = subject.log, subject.labelled
    accuracy, count = _accuracy(subject), num_judged(subject)
    spread = Cell(text=NONE)
    if accuracy is not None and count:
        limits = wilson(accuracy * count, count)
        spread = Cell(text=interval_text(limits), value=limits[0])
    error = None
    if judged is not None:
        error = metric_of("ece").compute(judged.labelled, len(judged.classes))
    train = log.epochs[-1].get("train_accuracy") if log.epochs else None
    return [
        text_cell(name, note="" if log.end else "cut off"),
        number_cell(accuracy, "{:.1%}", share=accuracy),
        spread,
        number_cell(log.best["epoch"] + 1 if log.best else None),
        number_cell(len(log.epochs)),
        number_cell(train, "{:.1%}"),
        number_cell(error, "{:.1%}"),
        Cell(text=spell(log.total_seconds), value=log.total_seconds),
        number_cell(log.median_rate),
        number_cell(log.start.get("parameters")),
        text_cell(log.config.model.model),
    ]


def _headline(
    subjects: Sequence[Subject],
    names: Sequence[str],
    accuracies: Sequence[float | None],
    best: int | None,
) -> dict[str, str]:
    """The verdict in a few words, and in a sentence: of repeats their mean, else who is ahead."""
    known = [value for value in accuracies if value is not None]
    if best is None:
        return {"headline": "Nothing was measured", "words": ""}
    top = accuracies[best] or 0.0
    if len(known) > 1 and are_repeats(subjects):
        mean, deviation = float(np.mean(known)), float(np.std(known, ddof=1))
        return {
            "headline": f"{percent(mean)} on average over {len(known)} runs",
            "words": f"Their deviation is {percent(deviation)}, the best is “{names[best]}” with "
            f"{percent(top)}.",
        }
    words = f"{percent(top)} of the held-out samples are right"
    if count := num_judged(subjects[best]):
        limits = wilson(top * count, count)
        words += f" (95% interval {interval_text(limits)})"
        within = [
            f"“{name}”"
            for name, value in zip(names, accuracies, strict=True)
            if name != names[best] and value is not None and value >= limits[0]
        ]
        words += f". Within that interval: {', '.join(within)}" if within else ""
    return {"headline": f"“{names[best]}” is ahead", "words": f"{words}."}


def are_repeats(subjects: Sequence[Subject]) -> bool:
    """Whether the runs are of the same settings, save for the seed or the fold."""
    free = OF_THE_PLACE | OF_A_REPEAT
    flats = [to_flat(subject.log.config) for subject in subjects]
    alike = [{key: value for key, value in flat.items() if key not in free} for flat in flats]
    return all(flat == alike[0] for flat in alike)


def _pairs(
    subjects: Sequence[Subject], names: Sequence[str], best: int | None
) -> tuple[Table | None, int]:
    """The best against each other one, where both have answered about the same samples."""
    first = None if best is None else subjects[best].judged
    if first is None or best is None:
        return None, 0
    one, rows = first.labelled, []
    for place, (subject, name) in enumerate(zip(subjects, names, strict=True)):
        if place == best or subject.judged is None:
            continue
        other = subject.judged.labelled
        if subject.judged.names != first.names or not np.array_equal(one.labels, other.labels):
            continue
        ours, theirs = one.predicted == one.labels, other.predicted == other.labels
        only, lost = int((ours & ~theirs).sum()), int((theirs & ~ours).sum())
        chance = mcnemar(only, lost)
        rows.append(
            [
                text_cell(f"“{names[best]}” and “{name}”"),
                number_cell(only),
                number_cell(lost),
                Cell(text=f"{chance:.3f}" if chance >= 0.001 else "below 0.001", value=chance),
                text_cell("more than luck" if chance < 0.05 else "may be luck"),
            ]
        )
    if not rows:
        return None, 0
    columns = (
        Column(name="Runs"),
        Column(name="Only the first right", number=True),
        Column(name="Only the second right", number=True),
        Column(name="p", number=True),
        Column(name="So the difference"),
    )
    table = Table(
        id="luck", caption="Pairs of runs on the same samples", columns=columns, rows=rows
    )
    return table, len(one.labels)
