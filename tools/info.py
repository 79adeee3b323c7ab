#!/usr/bin/env python3
"""Say what is in a record file: splits, classes, sizes, encodings, storage per sample.

    tools/info.py food11.beton [--grid out.png] [--verify] [--json]
    tools/info.py food11.beton --check data/      compares it with what it was packed from

Also for WebDataset shards and, but for --check, image folders.
"""

import json
import sys
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from tyro.conf import Positional, arg

from headrace.pipeline.command_line import (
    EXIT_FAILED,
    called,
    escape_unprintable,
    run_command,
)
from headrace.pipeline.containers.beton import MODE_JPEG, MODE_RAW
from headrace.pipeline.containers.storage import MappedStorage
from headrace.pipeline.cores import available_cores
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flags import Flag, check_least, parse
from headrace.pipeline.output_files import check_ending, make_place
from headrace.pipeline.quiet import answer
from headrace.pipeline.records import Records
from headrace.pipeline.user_paths import resolved
from headrace.pipeline.wording import counted, shown
from headrace.tools.packing.class_rows import ClassRow, class_rows
from headrace.tools.packing.find_flags import FindFlags, find_config
from headrace.tools.packing.level_counts import levels_line, levels_of
from headrace.tools.packing.report import known_report
from headrace.tools.packing.summary import (
    Shape,
    next_lines,
    report_lines,
    shape_of_terminal,
    stored_lines,
)
from headrace.tools.packing.text_table import size_text, wrapped
from headrace.train.data.real_only import made_by

_MODES = {MODE_JPEG: "jpeg", MODE_RAW: "raw"}
_QUANTILES = {"min": 0.0, "median": 0.5, "max": 1.0}
_SHOWN = 10
_SHOWN_CLASSES = 100

_MOST_DIGITS = 9


@dataclass(frozen=True, kw_only=True)
class InfoSettings:
    """Say what is in a record file."""

    path: Annotated[Path, Positional, arg(metavar="FILE")]
    """.beton, .tar or folder."""
    grid: Annotated[Path | None, arg(metavar="PNG", help_behavior_hint="")] = None
    """Draw a contact sheet."""
    columns: Annotated[int, arg(metavar="N")] = 8
    """Of the contact sheet."""
    verify: Flag = False
    """Decode everything, check the tables."""
    check: Annotated[Path | None, arg(metavar="SRC", help_behavior_hint="")] = None
    """Compare with the folder or list that FILE was packed from: images, labels, splits, pixels."""
    check_pixels: Annotated[str, arg(metavar="{N,all}")] = "all"
    """Of how many images --check compares the pixels."""
    find: FindFlags = field(default_factory=FindFlags)
    workers: Annotated[int, arg(metavar="N")] = field(default_factory=available_cores)
    """Threads that decode for --verify and --check."""
    show_all: Flag = False
    """Show every class, difference and file left out, not only the first."""
    json: Flag = False
    """Print JSON instead of text."""

    def __post_init__(self) -> None:
        check_least(self, 1, "workers", "columns")
        if self.grid is not None:
            check_ending(self.grid, "--grid", ".png")
        number = self.check_pixels
        if number != "all" and not (number.isdecimal() and len(number) <= _MOST_DIGITS):
            most = f" (of {_MOST_DIGITS} digits at most)" if number.isdecimal() else ""
            raise ConfigError(f"--check-pixels {number[:100]}: expected a number or all{most}")
        if self.check is None and (self.find != FindFlags() or self.check_pixels != "all"):
            raise ConfigError("flags of how samples are found are for --check SRC: add it")


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
        "levels": [asdict(count) for count in levels_of(records)],
        "checksums": records.has_checksums,
        "height": _quantiles(records.heights),
        "width": _quantiles(records.widths),
        "bytes_per_sample": _quantiles(_sizes(records)),
        "file_bytes": _file_bytes(records.path),
        "encoding": dict(manifest.encoding),
        "synthetic": None if manifest.synthetic is None else dict(manifest.synthetic),
        "mean": manifest.mean,
        "std": manifest.std,
        "skipped": [{"name": s.name, "reason": s.reason} for s in manifest.skipped],
        "per_class": [
            asdict(row)
            for row in class_rows(manifest.classes, labels, records.splits, records.name)
        ],
        "report": known_report(manifest).to_json(),
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


def _quantiles(values: np.ndarray) -> dict[str, float]:
    if not len(values):
        return {}
    result = {name: float(np.quantile(values, q)) for name, q in _QUANTILES.items()}
    return result | {"mean": round(float(values.mean()), 1)}


def _lines(records: Records, found: dict[str, Any], shape: Shape) -> list[str]:
    """For a terminal."""
    encodings = ", ".join(f"{count} {name}" for name, count in found["encodings"].items())
    lines = [
        f"{found['path']} ({found['kind']}): {counted(found['samples'], 'image')}, "
        f"{counted(len(found['classes']), 'class')}, {size_text(found['file_bytes'])}",
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
    lines += levels_line(levels_of(records), int(_sizes(records).sum()))
    if records.kind != "folder":
        lines.append(
            "  checksums: of the tables and of each image"
            if found["checksums"]
            else "  checksums: none, so damage inside an image's bytes can go unseen; pack it again"
        )
    if made := made_by(records.files[0]):
        lines += wrapped(f"synthetic: {made}, not photographs", shape.width, 2)
    settings = ", ".join(f"{key} {value}" for key, value in found["encoding"].items())
    if settings:
        lines += wrapped(f"packed with: {settings}", shape.width, 2)
    report = known_report(records.manifest)
    lines += stored_lines(report.stored)
    for key in ("mean", "std"):
        if found[key]:
            lines.append(f"  {key}: " + " ".join(f"{value:.4f}" for value in found[key]))
    rows = [ClassRow(**row) for row in found["per_class"]]
    lines += report_lines(report, rows, records.manifest.skipped, shape)
    return lines


def _next_lines(records: Records, shape: Shape) -> list[str]:
    """What to do with records that have been looked at: a folder is packed first."""
    if records.kind == "folder":
        name = resolved(records.path).name
        return [f"next: {called('pack', records.path, f'{name}.beton')}"]
    return next_lines(records.path, records.labels, records.manifest.classes, shape.width)


def _verify(records: Records, workers: int) -> list[dict[str, Any]]:
    from headrace.tools.packing.verify import verify_records

    return [
        {"index": index, "name": records.name(index) if index >= 0 else "tables", "problem": text}
        for index, text in verify_records(records, workers)
    ]


def _check(records: Records, given: InfoSettings, source: Path) -> dict[str, Any]:
    from headrace.tools.packing.check import compare
    from headrace.tools.packing.finding import find_samples, found_again

    kept = known_report(records.manifest).settings.get("layout", {})
    listing = find_samples(source, found_again(kept, find_config(given.find), source))
    num_pixels = None if given.check_pixels == "all" else int(given.check_pixels)
    return asdict(compare(records, listing, num_pixels=num_pixels, workers=given.workers))


def main(arguments: list[str] | None = None) -> int:
    """Command line; see the module's text. The status is 1 if --verify or --check finds any."""
    escape_unprintable()
    given = parse(InfoSettings, called("info"), arguments)
    if given.grid is not None:
        make_place(given.grid, "--grid")
    with Records.open(given.path) as records:
        found = describe(records)
        if given.verify:
            found["problems"] = _verify(records, given.workers)
        if given.check is not None:
            found["check"] = _check(records, given, given.check)
        if given.json:
            # In ASCII: it is read back the same whatever the stream's encoding.
            answer(json.dumps(found, indent=2))
        else:
            shape = shape_of_terminal(
                everything=given.show_all, rest="--show-all", classes=_SHOWN_CLASSES
            )
            print("\n".join(map(shown, _lines(records, found, shape))))
        if given.grid is not None:
            from headrace.tools.contact_sheet import draw_contact_sheet

            left_out = draw_contact_sheet(records, given.grid, given.columns)
            if not given.json:
                more = f" ({left_out})" if left_out else ""
                print(f"  contact sheet: {given.grid}{more}")
                if not (found.get("problems") or found.get("check", {}).get("differences")):
                    print("\n".join(map(shown, _next_lines(records, shape))))
    return EXIT_FAILED if _say_what_is_wrong(found, given) else 0


def _say_what_is_wrong(found: dict[str, Any], given: InfoSettings) -> bool:
    """Whether --verify or --check found anything; the first of it in lines."""
    most = None if given.show_all else _SHOWN
    problems, check = found.get("problems", []), found.get("check", {"differences": ()})
    differences = check["differences"]
    for problem in problems[:most]:
        line = f"bad: {problem['index']} ({problem['name']}): {problem['problem']}"
        print(shown(line), file=sys.stderr)
    for difference in differences[:most]:
        print(shown(f"differs: {difference['name']} {difference['what']}"), file=sys.stderr)
    if not given.json and given.verify:
        print(
            f"  verified: {counted(found['samples'], 'image')}, {counted(len(problems), 'problem')}"
        )
    if not given.json and given.check is not None:
        print(
            f"  checked against {given.check}: {counted(check['images'], 'image')}, the pixels of "
            f"{check['pixels']}, {check['left_out']} left out with a reason; "
            f"{counted(len(differences), 'difference')}"
        )
    return bool(problems or differences)


if __name__ == "__main__":
    run_command(main)
