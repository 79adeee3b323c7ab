#!/usr/bin/env python3
"""Images per second of every loader, of others', and of what this machine can do at most.

    bench/throughput.py                                     a small set drawn for the purpose
    bench/throughput.py --data food11.beton --folder food11/
    bench/throughput.py --data a.beton b.beton --peers all --size 128 224 \\
        --crop-scale 0.08,1 0.8,1 --json results.json --plot results.png

Each loader runs in a process of its own: one epoch to warm up, then whole epochs, in turn with
the others. The table has the median of the runs and the distance between their quartiles.
"""

if __package__ in (None, ""):
    import sys
    from pathlib import Path

    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from bench.comparison import CompareConfig, Results, compare, names_for, watch_memory
from bench.job import PEERS
from bench.measure import available_cores, command_line
from bench.report import Bar, BarKind, Column, Panel, bar_chart, table, write_json
from bench.subjects import Subject, Workshop, folder_subject, packed_subject
from pipeline.errors import ConfigError
from pipeline.loader import LOADERS
from tools.command_line import EXIT_FAILED, Parser, run_command

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


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; see the module's text."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    given = _parse(arguments)
    os.environ.setdefault("NUMBA_NUM_THREADS", str(max(given.workers, available_cores())))
    with tempfile.TemporaryDirectory(prefix="headrace-bench-", dir=given.scratch) as scratch:
        workshop = Workshop(Path(scratch))
        subjects = _subjects(given, workshop)
        results = _measure(given, subjects, workshop)
    if not results.rows:
        for entry in results.unavailable:
            print(f"{entry['loader']}: {entry['reason']}", file=sys.stderr)
        print("error: none of the loaders could run", file=sys.stderr)
        return EXIT_FAILED
    add_ratios(results.rows, given.baseline)
    results.rows.sort(key=_table_order)
    _print(results, given.baseline)
    command = command_line("bench/throughput.py", arguments)
    if given.json:
        write_json(
            given.json,
            command=command,
            rows=results.rows,
            baseline=given.baseline,
            unavailable=results.unavailable,
            memory=results.memory,
        )
    if given.plot:
        bar_chart(given.plot, panels(results.rows), title="Loading images", unit="images/s")
    return 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = Parser(prog="bench/throughput.py", description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--data", nargs="+", type=Path, default=[], metavar="F", help=".beton files")
    add("--folder", type=Path, metavar="DIR", help="the original images, for loaders of folders")
    add("--split", default="train", metavar="NAME", help="(%(default)s)")
    add("--limit", type=_count, default=5000, metavar="N", help="images used; 0: all (%(default)s)")
    add("--loaders", nargs="+", default=["all"], metavar="L", help=f"of {', '.join(LOADERS)}")
    add(
        "--peers",
        nargs="+",
        default=[COURSE_SCRIPT],
        metavar="P",
        help=f"all, none, or of {', '.join(PEERS)} ({COURSE_SCRIPT})",
    )
    add(
        "--ceilings",
        action=argparse.BooleanOptionalAction,
        help="decode, resize and copy alone (yes with --data or --folder)",
    )
    add("--size", nargs="+", type=_positive, default=[128], metavar="PX", help="(128)")
    add("--crop-scale", nargs="+", type=_scale, default=[(0.08, 1.0)], metavar="A,B", help="0.08,1")
    add("--batch-size", type=_positive, default=256, metavar="N", help="(%(default)s)")
    add("--workers", type=_positive, default=available_cores(), metavar="N", help="(all cores)")
    add("--device", default="cpu", help="where batches end up (%(default)s)")
    add("--seed", type=_count, default=0)
    add("--repeats", type=_positive, metavar="N", help="measured runs of each (5; 3 by default)")
    add("--min-seconds", type=_seconds, default=1.5, metavar="S", help="of a run (%(default)s)")
    add(
        "--memory",
        nargs="?",
        type=_positive,
        const=10,
        default=0,
        metavar="N",
        help="also watch the memory over N epochs and N early breaks (10)",
    )
    add("--baseline", default=f"peer:{COURSE_SCRIPT}", metavar="L", help="of the ratios")
    add("--scratch", type=Path, metavar="DIR", help="for temporary files")
    add("--json", type=Path, metavar="F", help="write the results there")
    add("--plot", type=Path, metavar="F", help="draw them there, PNG")
    given = parser.parse_args(arguments)
    given.loaders = _names(given.loaders, tuple(LOADERS), "--loaders")
    given.peers = _names(given.peers, tuple(PEERS), "--peers")
    quick = not (given.data or given.folder)
    if given.ceilings is None:
        given.ceilings = not quick
    if given.repeats is None:
        given.repeats = 3 if quick else 5
    if given.device != "cpu" and not torch.cuda.is_available():
        raise ConfigError(f"--device {given.device}: there is no CUDA GPU here; use cpu")
    for folder in (given.folder, given.scratch):
        if folder is not None and not folder.is_dir():
            raise ConfigError(f"{folder} is not a folder")
    return given


def _names(given: Sequence[str], known: Sequence[str], flag: str) -> list[str]:
    """The chosen names in order; `all` and `none` stand for what they say."""
    names: list[str] = []
    for name in (part for word in given for part in word.split(",") if part):
        name = name.removeprefix("peer:") if flag == "--peers" else name
        if name == "all":
            names += known
        elif name in known:
            names.append(name)
        elif name != "none":
            raise ConfigError(f"{flag} {name}: expected all, none, or of {', '.join(known)}")
    return list(dict.fromkeys(names))


def _count(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 0 or more")
    return int(text)


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return value


def _scale(text: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        low, high = 0.0, 0.0
    if not 0 < low <= high <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a pair like 0.08,1 with 0 < A <= B <= 1")
    return low, high


def _subjects(given: argparse.Namespace, workshop: Workshop) -> list[Subject]:
    """The images to run on; without any given, a small sample of our own."""
    files, folder = list(given.data), given.folder
    if not files:
        if folder is None:
            print("no --data: drawing a small sample data set", file=sys.stderr)
            folder = workshop.sample(available_cores())
        files = [workshop.pack(folder)]
    subjects = [packed_subject(path, given.split, given.limit) for path in files]
    if folder is not None:
        subjects.append(folder_subject(folder, given.split, given.limit))
    names = [subject.records for subject in subjects]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"--data has two files of {twice[0]}; measure them in separate runs")
    return subjects


def _measure(given: argparse.Namespace, subjects: Sequence[Subject], workshop: Workshop) -> Results:
    config = CompareConfig(
        loaders=given.loaders,
        peers=given.peers,
        ceilings=given.ceilings,
        batch_size=given.batch_size,
        workers=given.workers,
        device=given.device,
        seed=given.seed,
        repeats=given.repeats,
        min_s=given.min_seconds,
        memory_epochs=given.memory,
    )
    results = Results()
    with_folder = any(subject.folder for subject in subjects)
    for subject in subjects:
        names = names_for(subject, config, with_folder)
        for size in given.size:
            for scale in given.crop_scale:
                here = names
                if scale != given.crop_scale[0]:  # the course script crops nothing: once is enough
                    here = [name for name in names if name != f"peer:{COURSE_SCRIPT}"]
                compare(
                    subject, here, config, workshop, size=size, crop_scale=scale, results=results
                )
        if given.memory:
            watch_memory(
                subject,
                [name for name in names if not name.startswith("ceiling:")],
                config,
                workshop,
                size=given.size[0],
                crop_scale=given.crop_scale[0],
                results=results,
            )
    return results


def add_ratios(rows: Sequence[dict[str, Any]], baseline: str) -> None:
    """Gives each row its `ratio`: speed over the baseline's at that size, None without one.

    The baseline's row of the same records and crop scale counts first, then any of that size.
    """
    for row in rows:
        bases = [b for b in rows if b["loader"] == baseline and b["size"] == row["size"]]
        bases.sort(
            key=lambda b: (
                b["records"] != row["records"],
                b["crop_scale"] != row["crop_scale"],
            )
        )
        row["ratio"] = row["images_per_s"] / bases[0]["images_per_s"] if bases else None


def _table_order(row: dict[str, Any]) -> tuple[Any, ...]:
    scale = row["crop_scale"] or [0.0]
    return row["records"], row["size"], scale[0] if scale[0] else 0.0, -row["images_per_s"]


def _print(results: Results, baseline: str) -> None:
    shown = [{**row, "crop": _crop_text(row)} for row in results.rows]
    print(table(shown, COLUMNS))
    print(f"ratio: to {baseline} at the same size; IQR: distance between the quartiles")
    ceilings = sorted({(row["records"], row["ceiling"]) for row in results.rows if row["ceiling"]})
    for records, ceiling in ceilings:
        print(f"of ceiling: {records} against {ceiling}")
    if results.memory:
        print()
        print(table(results.memory, MEMORY_COLUMNS))
    for entry in results.unavailable:
        print(f"not run: {entry['loader']} on {entry['records']}: {entry['reason']}")


def _crop_text(row: dict[str, Any]) -> str:
    scale = row["crop_scale"]
    return "whole" if scale is None else f"{scale[0]:g}-{scale[1]:g}"


def panels(rows: Sequence[dict[str, Any]]) -> list[Panel]:
    """One panel per size and crop scale of each set of images, with bars from fast to slow.

    The folder's rows join every panel of their size, for it is the same images.
    """
    keys = [
        (row["records"], row["size"], row["crop_scale"])
        for row in rows
        if row["records"] != "folder" and row["crop_scale"] is not None
    ]
    if not keys:
        keys = [("folder", row["size"], row["crop_scale"]) for row in rows]
    found = []
    for records, size, scale in dict.fromkeys((r, s, tuple(c or (0, 1))) for r, s, c in keys):
        members = [
            row
            for row in rows
            if row["size"] == size
            and row["records"] in (records, "folder")
            and (row["crop_scale"] is None or tuple(row["crop_scale"]) == scale)
        ]
        members.sort(key=lambda row: -row["images_per_s"])
        title = f"{records}, {size} px, crops of {scale[0]:g}-{scale[1]:g} of the area"
        found.append(Panel(title, [_bar(row, records) for row in members]))
    return found


def _bar(row: dict[str, Any], records: str) -> Bar:
    kind: BarKind = "ours"
    name = row["loader"]
    if name.startswith("ceiling:"):
        kind, name = "ceiling", name.removeprefix("ceiling:") + " only"
    elif name == f"peer:{COURSE_SCRIPT}":
        kind, name = "baseline", "course script"
    elif name.startswith("peer:"):
        kind, name = "peer", name.removeprefix("peer:")
    if row["records"] != records:
        name += f" ({row['records']})"
    note = f"{row['ratio']:.1f}x" if row.get("ratio") and kind in ("ours", "peer") else ""
    return Bar(name, row["images_per_s"], row["images_per_s_iqr"], kind, note)


if __name__ == "__main__":
    run_command(main)
