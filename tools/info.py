#!/usr/bin/env python3
"""Say what is in a record file: splits, classes, sizes, encodings, storage per sample.

    tools/info.py food11.beton [--grid out.png] [--verify] [--json]

Also for WebDataset shards and image folders.
"""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from headrace.pipeline.command_line import (
    EXIT_FAILED,
    Parser,
    called,
    escape_unprintable,
    run_command,
)
from headrace.pipeline.containers.beton import MODE_JPEG, MODE_RAW
from headrace.pipeline.containers.storage import MappedStorage
from headrace.pipeline.cores import available_cores
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.records import Records
from headrace.tools.packing.class_rows import class_rows
from headrace.tools.packing.report import known_report
from headrace.tools.packing.summary import Shape, report_lines, shape_of_terminal, size_text

_MODES = {MODE_JPEG: "jpeg", MODE_RAW: "raw"}
_QUANTILES = {"min": 0.0, "median": 0.5, "max": 1.0}
_SHOWN = 10


def describe(records: Records) -> dict[str, Any]:
    """Everything known of the records, as plain JSON values. Sizes are in pixels and bytes."""
    manifest = records.manifest
    labels = records.labels
    splits = {
        name: {
            "start": start,
            "stop": stop,
            "samples": stop - start,
            "classes": dict(sorted(Counter(labels[start:stop].tolist()).items())),
        }
        for name, (start, stop) in records.splits.items()
    }
    return {
        "path": str(records.path),
        "kind": records.kind,
        "samples": len(records),
        "classes": list(manifest.classes),
        "splits": splits,
        "encodings": {
            _MODES.get(mode, "other"): count
            for mode, count in sorted(Counter(records.modes.tolist()).items())
        },
        "height": _spread(records.heights),
        "width": _spread(records.widths),
        "bytes_per_sample": _spread(_sizes(records)),
        "file_bytes": _file_bytes(records.path),
        "encoding": dict(manifest.encoding),
        "mean": manifest.mean,
        "std": manifest.std,
        "skipped": [{"name": s.name, "reason": s.reason} for s in manifest.skipped],
    }


def _sizes(records: Records) -> np.ndarray:
    """(N,) bytes of each sample."""
    if isinstance(records.storage, MappedStorage):
        return records.storage.sizes
    folder = records.path
    sizes = [(folder / records.name(i)).stat().st_size for i in range(len(records))]
    return np.array(sizes, np.int64)


def _file_bytes(path: Path) -> int:
    files = [path] if path.is_file() else [f for f in path.rglob("*") if f.is_file()]
    return sum(f.stat().st_size for f in files)


def _spread(values: np.ndarray) -> dict[str, float]:
    if not len(values):
        return {}
    result = {name: float(np.quantile(values, q)) for name, q in _QUANTILES.items()}
    return result | {"mean": round(float(values.mean()), 1)}


def _lines(records: Records, found: dict[str, Any], shape: Shape) -> list[str]:
    """For a terminal."""
    encodings = ", ".join(f"{count} {name}" for name, count in found["encodings"].items())
    lines = [
        f"{found['path']} ({found['kind']}): {found['samples']} images, "
        f"{len(found['classes'])} classes, {size_text(found['file_bytes'])}",
        f"  encodings: {encodings}",
    ]
    for key in ("width", "height"):
        if found[key]:
            low, middle, high = (round(found[key][q]) for q in _QUANTILES)
            lines.append(f"  {key}: {low} to {high} px, median {middle}")
    if found["bytes_per_sample"]:
        low, middle, high = (size_text(found["bytes_per_sample"][q]) for q in _QUANTILES)
        mean = size_text(found["bytes_per_sample"]["mean"])
        lines.append(f"  bytes per image: {low} to {high}, median {middle}, mean {mean}")
    settings = ", ".join(f"{key} {value}" for key, value in found["encoding"].items())
    if settings:
        lines.append(f"  packed with: {settings}")
    for key in ("mean", "std"):
        if found[key]:
            lines.append(f"  {key}: " + " ".join(f"{value:.4f}" for value in found[key]))
    rows = class_rows(found["classes"], records.labels, records.splits, records.name)
    lines += report_lines(known_report(records.manifest), rows, records.manifest.skipped, shape)
    return lines


def _verify(records: Records, workers: int) -> list[dict[str, Any]]:
    from headrace.tools.packing.verify import verify_records

    return [
        {"index": index, "name": records.name(index) if index >= 0 else "tables", "problem": text}
        for index, text in verify_records(records, workers)
    ]


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = Parser(prog=called("info"), description="Say what is in a record file.")
    parser.add_argument("path", type=Path, metavar="FILE", help=".beton, .tar or folder")
    parser.add_argument("--grid", type=Path, metavar="PNG", help="draw a contact sheet")
    parser.add_argument("--columns", type=int, default=8, help="of the contact sheet (%(default)s)")
    parser.add_argument("--verify", action="store_true", help="decode everything, check the tables")
    parser.add_argument("--workers", type=int, default=available_cores(), metavar="N")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Command line; see the module's text. The status is 1 if --verify finds anything bad."""
    escape_unprintable()
    given = _arguments(arguments)
    if given.workers < 1 or given.columns < 1:
        raise ConfigError("--workers and --columns: expected 1 or more")
    with Records.open(given.path) as records:
        found = describe(records)
        if given.verify:
            found["problems"] = _verify(records, given.workers)
        if given.json:
            # In ASCII: it is read back the same whatever the stream's encoding.
            print(json.dumps(found, indent=2))
        else:
            print(
                "\n".join(
                    _lines(records, found, shape_of_terminal(everything=False, rest="--show-all"))
                )
            )
        if given.grid is not None:
            from headrace.tools.contact_sheet import draw_contact_sheet

            draw_contact_sheet(records, given.grid, given.columns)
            if not given.json:
                print(f"  contact sheet: {given.grid}")
    problems = found.get("problems")
    if problems is None:
        return 0
    for problem in problems[:_SHOWN]:
        print(f"bad: {problem['index']} ({problem['name']}): {problem['problem']}", file=sys.stderr)
    if not given.json:
        print(f"  verified: {found['samples']} images, {len(problems)} problems")
    return EXIT_FAILED if problems else 0


if __name__ == "__main__":
    run_command(main)
