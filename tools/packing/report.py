"""Makes the report of a pack: from a listing, and from what became of its images."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from headrace.pipeline.containers.manifest import Manifest, Skipped
from headrace.pipeline.containers.pack_report import LeftOut, PackReport, PassedOver
from headrace.pipeline.layouts.listing import Listing
from headrace.tools.packing.doubles import find_doubles

SKIPPED, IGNORED = "skipped", "ignored"
MOST_NAMED = 50_000
"""So many files left out are named one by one in a manifest: 5 MB of its JSON."""

_MOST_ROWS = 1000
_EXAMPLES = 3
# A separator between two digits keeps the classes 1_1 and 11 apart.
_SEPARATORS = re.compile(r"(?<![0-9])[\s_-]+|[\s_-]+(?![0-9])")


@dataclass(frozen=True, kw_only=True)
class Packed:
    """What has become of a listing's images.

    Attributes:
        names, labels, splits: of the samples that are in the records.
        digests: (N, 2) uint64 of their files' bytes; None if nothing has been read.
        skipped: what cannot be used, `listing.missing` included.
        stored: how samples are stored, in words, to their number.
        notes: what else is to be said.
    """

    names: Sequence[str]
    labels: np.ndarray
    splits: Mapping[str, tuple[int, int]]
    digests: np.ndarray | None
    skipped: Sequence[Skipped]
    stored: Mapping[str, int] = field(default_factory=dict)
    notes: Sequence[str] = ()


def planned(listing: Listing) -> Packed:
    """What a pack will be if every image can be used: for a look before any work."""
    return Packed(
        names=listing.paths,
        labels=listing.labels,
        splits=listing.splits,
        digests=None,
        skipped=listing.missing,
    )


def make_report(
    listing: Listing, packed: Packed, settings: Mapping[str, Mapping[str, Any]]
) -> tuple[PackReport, tuple[Skipped, ...]]:
    """The report, and the files left out one by one.

    Args:
        listing: what was found.
        packed: what became of it.
        settings: kept in the report, see PackReport.

    Returns:
        The report, and at most MOST_NAMED names with their reasons; `report.beyond` counts the
        others.
    """
    one_by_one = {SKIPPED: list(packed.skipped), IGNORED: list(listing.ignored)}
    named = [*one_by_one[SKIPPED], *one_by_one[IGNORED]]
    groups = [group for kind, files in one_by_one.items() for group in _by_reason(kind, files)]
    others = [
        LeftOut(kind=left.kind, reason=left.reason, count=left.count, examples=left.examples)
        for left in listing.left_out
    ]
    report = PackReport(
        layout=listing.layout,
        why=listing.why,
        taken=tuple(listing.taken[:_MOST_ROWS]),
        passed_over=tuple(
            PassedOver(name=passed.name, reason=passed.reason)
            for passed in listing.passed_over[:_MOST_ROWS]
        ),
        notes=(*listing.notes[:_MOST_ROWS], *packed.notes, *_cut(listing)),
        settings=settings,
        stored=dict(packed.stored),
        left_out=(*groups, *others),
        beyond=max(0, len(named) - MOST_NAMED),
        alike=alike_names(listing.classes),
        doubles=find_doubles(
            packed.names, packed.labels, packed.splits, listing.classes, packed.digests
        ),
    )
    return report, tuple(named[:MOST_NAMED])


def known_report(manifest: Manifest) -> PackReport:
    """A manifest's report; of a file from before there were any, what its manifest says else."""
    if manifest.report is not None:
        return manifest.report
    return PackReport(
        layout=str(manifest.encoding.get("layout", "")),
        left_out=tuple(_by_reason(SKIPPED, manifest.skipped)),
    )


def _cut(listing: Listing) -> list[str]:
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


def _by_reason(kind: str, files: Iterable[Skipped]) -> list[LeftOut]:
    """Groups of one reason, the largest first; what is beyond _MOST_ROWS groups is one group."""
    groups: dict[str, tuple[int, list[str]]] = {}
    for file in files:
        reason = file.reason
        if reason not in groups and len(groups) >= _MOST_ROWS:
            reason = "other reasons"
        count, examples = groups.get(reason, (0, []))
        if len(examples) < _EXAMPLES:
            examples.append(file.name)
        groups[reason] = count + 1, examples
    found = [
        LeftOut(kind=kind, reason=reason, count=count, examples=tuple(examples))
        for reason, (count, examples) in groups.items()
    ]
    return sorted(found, key=lambda group: -group.count)


def alike_names(classes: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Groups of class names that differ only in case, spaces, `_`, `-` or Unicode form."""
    groups: dict[str, list[str]] = {}
    for name in classes:
        plain = unicodedata.normalize("NFKC", name).casefold()
        groups.setdefault(_SEPARATORS.sub("", plain) or plain, []).append(name)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)
