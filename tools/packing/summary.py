"""The lines that a packing run ends with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from headrace.pipeline.command_line import called
from headrace.pipeline.layouts.listing import Listing
from headrace.tools.packing.run import Report

_MANY_CLASSES = 30
_FEW_SKIPPED = 10


def summary_lines(out: Path, listing: Listing, report: Report) -> list[str]:
    """What was packed, in lines for a terminal."""
    manifest = report.manifest
    num_samples = len(report.labels)
    rate = num_samples / max(report.seconds, 1e-9)
    lines = [
        f"{out}: {num_samples} images, {len(manifest.classes)} classes, layout {listing.layout}, "
        f"{size_text(report.num_bytes)} in {report.seconds:.1f} s ({rate:.0f} images/s)"
    ]
    lines += [f"  note: {note}" for note in listing.notes]
    counts = {
        split: Counter(report.labels[start:stop].tolist())
        for split, (start, stop) in manifest.splits.items()
    }
    lines += counts_table(manifest.classes, counts, _MANY_CLASSES)
    if report.passed:
        lines.append(f"  {report.passed} stored byte for byte")
    lines += [f"  {count} encoded: {why}" for why, count in report.encoded.most_common()]
    if manifest.mean and manifest.std:
        mean, std = (" ".join(f"{v:.3f}" for v in t) for t in (manifest.mean, manifest.std))
        lines.append(f"  mean {mean}  std {std}")
    if manifest.skipped:
        lines.append(f"  {len(manifest.skipped)} skipped:")
        shown = [f"{s.name}: {s.reason}" for s in manifest.skipped]
        lines += [f"    {line}" for line in _some(shown)]
    if listing.ignored:
        lines.append(f"  {len(listing.ignored)} ignored:")
        lines += [f"    {line}" for line in _some(f"{s.name}: {s.reason}" for s in listing.ignored)]
    return lines


def size_text(num_bytes: float) -> str:
    """Bytes for people: 12.3 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if num_bytes < 1000:
            return f"{num_bytes:.0f} B" if unit == "B" else f"{num_bytes:.1f} {unit}"
        num_bytes /= 1000
    return f"{num_bytes:.1f} TB"


def counts_table(
    classes: Sequence[str], counts: Mapping[str, Mapping[int, int]], limit: int
) -> list[str]:
    """Lines with the number of samples per class and split.

    Args:
        classes: class names.
        counts: split to label to number of samples.
        limit: classes shown at most.
    """
    rows = [("", *counts)]
    used = sorted({v for count in counts.values() for v in count}, key=lambda v: (v < 0, v))
    for label in used[:limit]:
        known = 0 <= label < len(classes)
        title = classes[label] if known else "no label" if label < 0 else f"class {label}"
        rows.append((title, *(str(count.get(label, 0)) for count in counts.values())))
    if len(used) > limit:
        rows.append((f"... {len(used) - limit} more", *("" for _ in counts)))
    rows.append(("all", *(str(sum(count.values())) for count in counts.values())))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for title, *cells in rows:
        numbers = [cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)]
        lines.append("  ".join(["  " + title.ljust(widths[0]), *numbers]).rstrip())
    return lines


def _some(lines: Iterable[str]) -> list[str]:
    lines = list(lines)
    if len(lines) <= _FEW_SKIPPED:
        return lines
    return [*lines[:_FEW_SKIPPED], f"... {len(lines) - _FEW_SKIPPED} more (see {called('info')})"]
