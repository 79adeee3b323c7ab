"""The lines that a packing run ends with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from pipeline.layouts import Listing
from tools.packing.run import Report

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
    lines += _table(report)
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
        lines += [f"    {line}" for line in _some(listing.ignored)]
    return lines


def size_text(num_bytes: float) -> str:
    """Bytes for people: 12.3 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if num_bytes < 1000:
            return f"{num_bytes:.0f} B" if unit == "B" else f"{num_bytes:.1f} {unit}"
        num_bytes /= 1000
    return f"{num_bytes:.1f} TB"


def _table(report: Report) -> list[str]:
    """Samples per class and split."""
    manifest = report.manifest
    counts = {
        split: Counter(report.labels[start:stop].tolist())
        for split, (start, stop) in manifest.splits.items()
    }
    rows = [("", *counts)]
    used = np.unique(report.labels).tolist()
    for label in used[:_MANY_CLASSES] if len(used) > _MANY_CLASSES else used:
        name = manifest.classes[label] if 0 <= label < len(manifest.classes) else "no label"
        rows.append((name, *(str(count[label]) for count in counts.values())))
    if len(used) > _MANY_CLASSES:
        rows.append((f"... {len(used) - _MANY_CLASSES} more", *("" for _ in counts)))
    rows.append(("all", *(str(sum(count.values())) for count in counts.values())))
    first = max(len(row[0]) for row in rows)
    widths = [max(len(row[i]) for row in rows) for i in range(1, len(rows[0]))]
    return [
        "  " + row[0].ljust(first) + "".join(
            "  " + cell.rjust(width) for cell, width in zip(row[1:], widths, strict=True)
        )
        for row in rows
    ]  # fmt: skip


def _some(lines: Iterable[str]) -> list[str]:
    lines = list(lines)
    if len(lines) <= _FEW_SKIPPED:
        return lines
    return [*lines[:_FEW_SKIPPED], f"... {len(lines) - _FEW_SKIPPED} more (see tools/info.py)"]
