"""What a listing has to tell of itself, as the report that stands in a manifest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from headrace.pipeline.containers.manifest import Skipped
from headrace.pipeline.containers.pack_report import LeftOut, PackReport, PassedOver
from headrace.pipeline.layouts.listing import Listing

SKIPPED, IGNORED = "skipped", "ignored"
"""Kinds of images left out: they cannot be used; they belong to no split, class or list."""

NO_IMAGE = "not an image"
"""What the reason begins with where a file that is left out is none."""

MOST_NAMED = 20_000
"""So many images left out are named one by one in a manifest, each opening of which reads them."""

_MOST_ROWS = 1000
_EXAMPLES = 3
_SIZES = re.compile(r"[0-9]+(x[0-9]+)?(?= (bytes|pixels|px|extraneous)\b)")


def listing_report(
    listing: Listing, skipped: Sequence[Skipped]
) -> tuple[PackReport, tuple[Skipped, ...]]:
    """The report, as far as it is known without any file having been read.

    Args:
        listing: what was found.
        skipped: its images that cannot be used, `listing.missing` included.

    Returns:
        The report, and the images left out one by one, at most MOST_NAMED; `report.beyond` counts
        the others.
    """
    one_by_one = {SKIPPED: skipped, IGNORED: listing.ignored}
    named = [*skipped, *listing.ignored]
    groups = [group for kind, files in one_by_one.items() for group in by_reason(kind, files)]
    report = PackReport(
        layout=listing.layout,
        why=listing.why,
        taken=tuple(listing.taken[:_MOST_ROWS]),
        passed_over=tuple(
            PassedOver(name=passed.name, reason=passed.reason)
            for passed in listing.passed_over[:_MOST_ROWS]
        ),
        notes=(*listing.notes[:_MOST_ROWS], *_beyond(listing)),
        left_out=(*groups, *listing.left_out),
        beyond=max(0, len(named) - MOST_NAMED),
    )
    return report, tuple(named[:MOST_NAMED])


def by_reason(kind: str, files: Iterable[Skipped]) -> list[LeftOut]:
    """Groups of one reason, the largest first; from some number on all others are one group.

    Reasons that differ only in a size are one, in which `some` stands for it.
    """
    groups: dict[str, _Group] = {}
    for file in files:
        general = _SIZES.sub("some", file.reason)
        if general not in groups and len(groups) >= _MOST_ROWS:
            general = "other reasons"
        group = groups.setdefault(general, _Group(reason=file.reason))
        group.count += 1
        if len(group.examples) < _EXAMPLES:
            group.examples.append(file.name)
        if file.reason != group.reason:
            group.reason = general
    found = [
        LeftOut(kind=kind, reason=g.reason, count=g.count, examples=tuple(g.examples))
        for g in groups.values()
    ]
    return sorted(found, key=lambda group: -group.count)


@dataclass(kw_only=True)
class _Group:
    reason: str
    count: int = 0
    examples: list[str] = field(default_factory=list)


def _beyond(listing: Listing) -> list[str]:
    """Says what does not fit in the report."""
    found = {
        "taken": listing.taken,
        "passed over": listing.passed_over,
        "notes": listing.notes,
    }
    return [
        f"{len(lines) - _MOST_ROWS} more {title} than are listed"
        for title, lines in found.items()
        if len(lines) > _MOST_ROWS
    ]
