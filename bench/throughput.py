#!/usr/bin/env python3
"""Images per second of every loader, of others', and of what this machine can do at most.

    bench/throughput.py                                     a small set drawn for the purpose
    bench/throughput.py --data food11.beton --folder food11/
    bench/throughput.py --data a.beton b.beton --peers all --size 128 224 \\
        --crop-scale 0.08,1 0.8,1 --json results.json --plot results.png

Each loader runs in a process of its own: one epoch to warm up, then whole epochs, in turn with
the others. The table has the median of the runs and the distance between their quartiles.
"""

import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import torch
from tyro.conf import arg
from tyro.constructors import PrimitiveConstructorSpec

from headrace.bench.core.bar_chart import bar_chart
from headrace.bench.core.flag_values import OutFile, Scales, check_seconds, names, parse_bench
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
from headrace.pipeline.command_line import EXIT_FAILED, run_command
from headrace.pipeline.cores import available_cores
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flags import check_given, check_least
from headrace.pipeline.loaders import LOADERS
from headrace.pipeline.quiet import note

_EPOCHS = PrimitiveConstructorSpec(
    nargs=(0, 1),
    metavar="[N]",
    instance_from_str=lambda words: int(words[0]) if words else 10,
    is_instance=lambda value: isinstance(value, int),
    str_from_instance=lambda value: [str(value)],
)


@dataclass(frozen=True, kw_only=True)
class ThroughputSettings:
    """Images per second of every loader, of others', and of what this machine can do at most."""

    data: Annotated[tuple[Path, ...] | None, arg(metavar="F ...", help_behavior_hint="")] = None
    """.beton files; without any a small sample is drawn."""
    folder: Annotated[Path | None, arg(metavar="DIR", help_behavior_hint="")] = None
    """The original images, for loaders of folders."""
    split: Annotated[str, arg(metavar="NAME")] = "train"
    """Whose samples are loaded."""
    limit: Annotated[int, arg(metavar="N")] = 5000
    """Images used; 0: all."""
    loaders: Annotated[
        tuple[str, ...], arg(metavar="L ...", help=f"Of {', '.join(LOADERS)}; all or none.")
    ] = ("all",)
    peers: Annotated[
        tuple[str, ...], arg(metavar="P ...", help=f"Of {', '.join(PEERS)}; all or none.")
    ] = (COURSE_SCRIPT,)
    ceilings: Annotated[bool, arg(help_behavior_hint="(default with --data or --folder)")] = False
    """Decode, resize and copy alone."""
    no_ceilings: Annotated[bool, arg(help_behavior_hint="(default without them)")] = False
    """Leave them out."""
    size: Annotated[tuple[int, ...], arg(metavar="PX ...")] = (128,)
    """Side of the images that come out."""
    crop_scale: Scales = ((0.08, 1.0),)
    """Smallest and largest share of the area in a crop."""
    batch_size: Annotated[int, arg(metavar="N")] = 256
    """Images."""
    workers: Annotated[int, arg(metavar="N")] = field(default_factory=available_cores)
    """Threads or processes of each loader."""
    device: str = "cpu"
    """Where batches end up."""
    seed: Annotated[int, arg(metavar="N")] = 0
    """Of order and crops."""
    repeats: Annotated[
        int | None, arg(metavar="N", help_behavior_hint="(default: 5; 3 without --data)")
    ] = None
    """Measured runs of each."""
    min_seconds: Annotated[float, arg(metavar="S")] = 1.5
    """Of a run, at least."""
    memory: Annotated[int, _EPOCHS] = 0
    """Also watch the memory over N epochs and N early breaks; 10 if N is left out."""
    baseline: Annotated[str, arg(metavar="L")] = f"peer:{COURSE_SCRIPT}"
    """Of the ratios."""
    scratch: Annotated[Path | None, arg(metavar="DIR", help_behavior_hint="")] = None
    """For temporary files."""
    json: OutFile = None
    """Write the results there."""
    plot: OutFile = None
    """Draw them there, PNG."""

    def __post_init__(self) -> None:
        check_least(self, 0, "limit", "seed", "memory")
        check_least(self, 1, "size", "batch_size", "workers", "repeats")
        check_given(self, "data", "loaders", "peers", "crop_scale")
        check_seconds("--min-seconds", self.min_seconds)
        self.comparison()  # refuses unknown names
        if self.ceilings and self.no_ceilings:
            raise ConfigError("--ceilings and --no-ceilings exclude each other: choose one")
        if self.device != "cpu" and not torch.cuda.is_available():
            raise ConfigError(f"--device {self.device}: there is no CUDA GPU here; use cpu")
        for folder in (self.folder, self.scratch):
            if folder is not None and not folder.is_dir():
                raise ConfigError(f"{folder} is not a folder")

    def comparison(self) -> CompareConfig:
        """How to measure."""
        return CompareConfig(
            loaders=names(self.loaders, tuple(LOADERS), "--loaders"),
            peers=names(self.peers, tuple(PEERS), "--peers", "peer:"),
            ceilings=self.ceilings or not (self.quick or self.no_ceilings),
            batch_size=self.batch_size,
            workers=self.workers,
            device=self.device,
            seed=self.seed,
            repeats=self.repeats or (3 if self.quick else 5),
            min_s=self.min_seconds,
            memory_epochs=self.memory,
        )

    @property
    def quick(self) -> bool:
        """Whether it is a try on images that are drawn for it."""
        return not (self.data or self.folder)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; see the module's text."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    given = parse_bench(ThroughputSettings, "bench throughput", arguments)
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


def _image_sets(given: ThroughputSettings, forms: ImageForms) -> list[ImageSet]:
    """The images to run on; without any given, a small sample of our own."""
    files, folder = list(given.data or ()), given.folder
    if not files:
        if folder is None:
            note("no --data: drawing a small sample data set")
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
    given: ThroughputSettings, image_sets: Sequence[ImageSet], forms: ImageForms
) -> Results:
    config = given.comparison()
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
