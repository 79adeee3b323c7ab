"""The images that it was surest about, and wrong."""

from __future__ import annotations

from pathlib import PurePath

import numpy as np

from headrace.pipeline.errors import HeadraceError
from headrace.train.reporting.elements import Picture, Section, percent
from headrace.train.reporting.subject import Subject

SHOWN = 24
SIDE_PX = 200


def make(subject: Subject) -> Section | None:
    """Pictures of the most confident errors, with names."""
    judged = subject.labelled
    if judged is None:
        return None
    outcome, names = judged.labelled, judged.labelled_names
    wrong = np.flatnonzero(outcome.predicted != outcome.labels)
    order = wrong[np.argsort(-outcome.confidence[wrong], kind="stable")][:SHOWN]
    pictures = []
    for place in order.tolist():
        true = judged.classes[int(outcome.labels[place])]
        taken = judged.classes[int(outcome.predicted[place])]
        sure = percent(float(outcome.confidence[place]))
        picture = draw(
            subject,
            int(outcome.indices[place]),
            names[place],
            f"{true}, taken for {taken}",
            [f"is {true}", f"taken for {taken}, {sure}"],
        )
        if picture is not None:
            pictures.append(picture)
    surely = int((outcome.confidence[wrong] >= 0.9).sum())
    return Section(
        id="mistakes",
        title="Surest mistakes",
        values={
            "pictures": pictures,
            "wrong": len(wrong),
            "count": len(outcome.labels),
            "surely": surely,
        },
    )


def draw(
    subject: Subject, index: int, name: str, alt: str, lines: list[str], side: int = SIDE_PX
) -> Picture | None:
    """A stored image as a picture; None, and a gap, where it cannot be had."""
    if subject.records is None:
        return None
    try:
        pixels = subject.records.decode(index)
    except (HeadraceError, OSError) as error:
        subject.gaps.append(f"A picture is missing: {error}.")
        return None
    taken = subject.budget.take(pixels, side)
    if taken is None:
        return None
    uri, width, height = taken
    title = PurePath(name).name
    return Picture(
        uri=uri, alt=f"{title}: {alt}", width=width, height=height, title=title, lines=lines
    )
