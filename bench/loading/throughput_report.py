"""The rows of bench/throughput.py as a table, as ratios and as bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from headrace.bench.core.bar_chart import Bar, BarKind, Panel
from headrace.bench.core.tables import Column, table
from headrace.bench.loading.comparison import Results

COURSE_SCRIPT = "course-script"
COLUMNS = (
    Column("records"),
    Column("size"),
    Column("crop"),
    Column("loader"),
    Column("images/s", "images_per_s", ",.0f"),
    Column("IQR", "images_per_s_iqr", ",.0f"),
    Column("ratio", "ratio", ".2f"),
    Column("of ceiling", "ceiling_share", ".0%"),
    Column("first batch s", "first_batch_s", ".2f"),
    Column("CPU %", "cpu_percent", ".0f"),
    Column("peak MB", "peak_rss_mb", ",.0f"),
    Column("private MB", "peak_private_mb", ",.0f"),
)
MEMORY_COLUMNS = (
    Column("records"),
    Column("loader"),
    Column("after 1 epoch MB", "after_first_epoch_mb", ",.0f"),
    Column("growth MB", "growth_mb", "+,.0f"),
)
_TITLES = {
    "peer:course-script": "course script",
    "peer:torchvision-pil": "torchvision, PIL",
    "peer:torchvision-v2": "torchvision, tensors",
    "peer:torchcodec": "TorchCodec, tensors",
    "peer:ffcv": "FFCV Loader",
    "peer:dali": "DALI file reader",
    "peer:dali-dynamic": "DALI dynamic mode",
    "peer:timm": "timm",
    "peer:spdl": "SPDL",
    "peer:webdataset": "WebDataset",
    "peer:litdata": "LitData",
    "ceiling:decode-roi": "decoding the crops alone",
    "ceiling:decode-full": "decoding whole images alone",
    "ceiling:decode-full-simplejpeg": "decoding whole images alone, simplejpeg",
    "ceiling:resize": "resizing alone, torch",
    "ceiling:copy": "copying the crops alone",
}


def add_ratios(rows: Sequence[dict[str, Any]], baseline: str) -> None:
    """Gives each row its `ratio`: speed over the baseline's at that size, None without one.

    The baseline's row of the same records and crop scale counts first, then any of that size.
    """
    for row in rows:
        bases = [b for b in rows if b["loader"] == baseline and b["size"] == row["size"]]
        bases.sort(
            key=lambda b: (b["records"] != row["records"], b["crop_scale"] != row["crop_scale"])
        )
        none = not bases or row["loader"].startswith("ceiling:")
        row["ratio"] = None if none else row["images_per_s"] / bases[0]["images_per_s"]


def in_table_order(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """By records (the folder last), size and crop scale, and from fast to slow."""

    def key(row: Mapping[str, Any]) -> tuple[Any, ...]:
        folder = row["records"] == "folder"
        scale = row["crop_scale"] or [0.0, 0.0]
        return folder, row["records"], row["size"], scale, -row["images_per_s"]

    return sorted(rows, key=key)


def print_results(results: Results, baseline: str) -> None:
    """Prints the tables, what the columns mean, and what could not run."""
    print(table([{**row, "crop": _crop_text(row)} for row in results.rows], COLUMNS))
    print(f"ratio: to {baseline} at the same size. IQR: distance between the quartiles.")
    ceilings = sorted({(row["records"], row["ceiling"]) for row in results.rows if row["ceiling"]})
    for records, ceiling in ceilings:
        print(f"of ceiling: {records} against {ceiling}")
    if results.memory:
        print()
        print(table(results.memory, MEMORY_COLUMNS))
    for entry in results.unavailable:
        print(f"not run: {entry['loader']} on {entry['records']}: {entry['reason']}")


def _crop_text(row: Mapping[str, Any]) -> str:
    scale = row["crop_scale"]
    return "whole" if scale is None else f"{scale[0]:g}-{scale[1]:g}"


def panels(rows: Sequence[Mapping[str, Any]]) -> list[Panel]:
    """One panel per size and crop scale of each set of images, with bars from fast to slow.

    The folder's rows join every panel of their size, for they are the same images.
    """
    packed = [row for row in rows if row["records"] != "folder"]
    keys = [
        (row["records"], row["size"], tuple(row["crop_scale"]))
        for row in packed or rows
        if row["crop_scale"] is not None
    ]
    found = []
    for records, size, scale in dict.fromkeys(keys):
        # Copying is off the scale of everything else, unless it is what raw is held against.
        ceiling = next(
            (c for r in rows if r["records"] == records and (c := r.get("ceiling"))), None
        )
        members = [
            row
            for row in rows
            if row["size"] == size
            and row["records"] in (records, "folder")
            and (row["crop_scale"] is None or tuple(row["crop_scale"]) == scale)
            and (row["loader"] != "ceiling:copy" or row["loader"] == ceiling)
        ]
        members.sort(key=lambda row: -row["images_per_s"])
        title = f"{records}, {size} px, crops of {scale[0]:g}-{scale[1]:g} of the area"
        found.append(Panel(title, [_bar(row, records) for row in members]))
    return found


def _bar(row: Mapping[str, Any], records: str) -> Bar:
    kind: BarKind = "ours"
    name = row["loader"]
    if name.startswith("ceiling:"):
        kind = "ceiling"
    elif name == f"peer:{COURSE_SCRIPT}":
        kind = "baseline"
    elif name.startswith("peer:"):
        kind = "peer"
    label = _TITLES.get(name, name)
    if row["records"] != records:
        label += f" ({row['records']})"
    note = f"{row['ratio']:.1f}x" if row.get("ratio") and kind in ("ours", "peer") else ""
    return Bar(label, row["images_per_s"], row["images_per_s_iqr"], kind, note)
