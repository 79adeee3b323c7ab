"""Makes the report of a pack: from a listing, and from what became of its images."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from headrace.pipeline.containers.manifest import Manifest, Skipped
from headrace.pipeline.containers.pack_report import PackReport
from headrace.pipeline.layouts.listing import Listing
from headrace.pipeline.layouts.listing_report import SKIPPED, by_reason, listing_report
from headrace.tools.packing.doubles import find_doubles

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
    found, named = listing_report(listing, packed.skipped)
    report = replace(
        found,
        notes=(*found.notes, *packed.notes),
        settings=settings,
        stored=dict(packed.stored),
        alike=alike_names(listing.classes),
        doubles=find_doubles(
            packed.names, packed.labels, packed.splits, listing.classes, packed.digests
        ),
    )
    return report, named


def known_report(manifest: Manifest) -> PackReport:
    """A manifest's report; of a file from before there were any, what its manifest says else."""
    if manifest.report is not None:
        return manifest.report
    return PackReport(
        layout=str(manifest.encoding.get("layout", "")),
        left_out=tuple(by_reason(SKIPPED, manifest.skipped)),
    )


def alike_names(classes: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Groups of class names that differ only in case, spaces, `_`, `-` or Unicode form."""
    groups: dict[str, list[str]] = {}
    for name in classes:
        plain = unicodedata.normalize("NFKC", name).casefold()
        groups.setdefault(_SEPARATORS.sub("", plain) or plain, []).append(name)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)
