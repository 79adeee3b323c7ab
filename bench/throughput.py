#!/usr/bin/env python3
"""Images per second of every loader, of others', and of what this machine can do at most.

    bench/throughput.py                                     a small set drawn for the purpose
    bench/throughput.py --data food11.beton --folder food11/
    bench/throughput.py --data a.beton b.beton --peers all --size 128 224 \\
        --crop-scale 0.08,1 0.8,1 --json results.json --plot results.png

Each loader runs in a process of its own: one epoch to warm up, then whole epochs, in turn with
the others. The table has the median of the runs and the distance between their quartiles.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch

from headrace.bench.core.bar_chart import bar_chart
from headrace.bench.core.flag_values import count, names, positive, scale, seconds
from headrace.bench.core.result_file import command_line, write_json
from headrace.bench.loading.compare_memory import watch_memory
from headrace.bench.loading.compare_speed import compare
from headrace.bench.loading.comparison import CompareConfig, Results, names_for
from headrace.bench.loading.image_forms import ImageForms
from headrace.bench.loading.image_sets import ImageSet, folder_image_set, packed_image_set
from headrace.bench.loading.sources import PEERS
from headrace.bench.loading.throughput_report import (
    COURSE_SCRIPT,
    add_ratios,
    in_table_order,
    panels,
    print_results,
)
from headrace.pipeline.command_line import EXIT_FAILED, Parser, called, run_command
from headrace.pipeline.cores import available_cores
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.loaders import LOADERS


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; see the module's text."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    given = _parse(arguments)
    os.environ.setdefault("NUMBA_NUM_THREADS", str(max(given.workers, available_cores())))
    with tempfile.TemporaryDirectory(prefix="headrace-bench-", dir=given.scratch) as scratch:
        forms = ImageForms(Path(scratch))
        image_sets = _image_sets(given, forms)
        results = _measure(given, image_sets, forms)
    if not results.rows:
        for entry in results.unavailable:
            print(f"{entry['loader']}: {entry['reason']}", file=sys.stderr)
        print("error: none of the loaders could run", file=sys.stderr)
        return EXIT_FAILED
    add_ratios(results.rows, given.baseline)
    results.rows = in_table_order(results.rows)
    print_results(results, given.baseline)
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
    parser = Parser(prog=called("bench throughput"), description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--data", nargs="+", type=Path, default=[], metavar="F", help=".beton files")
    add("--folder", type=Path, metavar="DIR", help="the original images, for loaders of folders")
    add("--split", default="train", metavar="NAME", help="(%(default)s)")
    add("--limit", type=count, default=5000, metavar="N", help="images used; 0: all (%(default)s)")
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
    add("--size", nargs="+", type=positive, default=[128], metavar="PX", help="(128)")
    add("--crop-scale", nargs="+", type=scale, default=[(0.08, 1.0)], metavar="A,B", help="0.08,1")
    add("--batch-size", type=positive, default=256, metavar="N", help="(%(default)s)")
    add("--workers", type=positive, default=available_cores(), metavar="N", help="(all cores)")
    add("--device", default="cpu", help="where batches end up (%(default)s)")
    add("--seed", type=count, default=0)
    add("--repeats", type=positive, metavar="N", help="measured runs of each (5; 3 by default)")
    add("--min-seconds", type=seconds, default=1.5, metavar="S", help="of a run (%(default)s)")
    add(
        "--memory",
        nargs="?",
        type=positive,
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
    given.loaders = names(given.loaders, tuple(LOADERS), "--loaders")
    given.peers = names(given.peers, tuple(PEERS), "--peers", "peer:")
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


def _image_sets(given: argparse.Namespace, forms: ImageForms) -> list[ImageSet]:
    """The images to run on; without any given, a small sample of our own."""
    files, folder = list(given.data), given.folder
    if not files:
        if folder is None:
            print("no --data: drawing a small sample data set", file=sys.stderr)
            folder = forms.sample(available_cores())
        files = [forms.pack(folder)]
    image_sets = [packed_image_set(path, given.split, given.limit) for path in files]
    if folder is not None:
        image_sets.append(folder_image_set(folder, given.split, given.limit))
    labels = [image_set.records for image_set in image_sets]
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        raise ConfigError(f"--data has two files of {twice[0]}; measure them in separate runs")
    return image_sets


def _measure(
    given: argparse.Namespace, image_sets: Sequence[ImageSet], forms: ImageForms
) -> Results:
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
    with_folder = any(image_set.folder for image_set in image_sets)
    for image_set in image_sets:
        chosen = names_for(image_set, config, with_folder)
        for size in given.size:
            for crop_scale in given.crop_scale:
                here = chosen
                if crop_scale != given.crop_scale[0]:  # the course script crops nothing
                    here = [name for name in chosen if name != f"peer:{COURSE_SCRIPT}"]
                compare(
                    image_set,
                    here,
                    config,
                    forms,
                    size=size,
                    crop_scale=crop_scale,
                    results=results,
                )
        if given.memory:
            watch_memory(
                image_set,
                [name for name in chosen if not name.startswith("ceiling:")],
                config,
                forms,
                size=given.size[0],
                crop_scale=given.crop_scale[0],
                results=results,
            )
    return results


if __name__ == "__main__":
    run_command(main)
