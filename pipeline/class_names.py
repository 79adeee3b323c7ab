"""What the classes of records are called, also where nobody has named them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headrace.pipeline.command_line import called
from headrace.pipeline.errors import RecordsError
from headrace.pipeline.layouts.classes import MAX_CLASSES
from headrace.pipeline.wording import printable

if TYPE_CHECKING:
    from headrace.pipeline.records import Records


def class_names(records: Records) -> tuple[str, ...]:
    """The manifest's class names; without any, the numbers from 0 to the highest label.

    Raises:
        RecordsError: if there are no names and a label so high that it cannot be a class, before
            any memory is taken for its sake.
    """
    if records.manifest.classes or not len(records):
        return tuple(records.manifest.classes)
    sample = int(records.labels.argmax())
    highest = int(records.labels[sample])
    if highest >= MAX_CLASSES:
        raise RecordsError(
            f"{records.source}: sample {sample} ({printable(records.name(sample))}) has label "
            f"{highest}, expected at most {MAX_CLASSES - 1}: is it a class number at all? mend the "
            f"label, or pack the images with {called('pack')}, which takes class names"
        )
    return tuple(str(label) for label in range(highest + 1))
