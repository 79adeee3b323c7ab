#!/usr/bin/env python3
"""Images per second of augmentation: ours, torchvision's, Kornia's, on the same batch.

    bench/augmentation.py                                  the recipes, batch 128, 128 px
    bench/augmentation.py --work recipes stages --batch-size 32 128 512 --size 32 128 224 \\
        --compile --json results.json --plot results.png

A batch of bytes goes in, a normalised float batch comes out, as in training. What runs per sample
runs in one process per core, each on its share, as DataLoader workers would, and the hand-over of
the images is not counted. Entries that draw once for a whole batch do less work and say so.
"""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from headrace.bench.augmenting.peers import PEERS, WORK, Work, Workers, one_draw_per_batch
from headrace.bench.core.bar_chart import Bar, BarKind, Panel, bar_chart
from headrace.bench.core.flag_values import names, positive, seconds
from headrace.bench.core.repeats import interleaved, spread
from headrace.bench.core.result_file import command_line, write_json
from headrace.bench.core.tables import Column, table
from headrace.pipeline.command_line import Parser, called, run_command
from headrace.pipeline.cores import available_cores
from headrace.pipeline.errors import ConfigError

COLUMNS = (
    Column("work"),
    Column("batch"),
    Column("size"),
    Column("engine"),
    Column("images/s", "images_per_s", ",.0f"),
    Column("IQR", "images_per_s_iqr", ",.0f"),
    Column("ours / it", "ours_ratio", ".2f"),
    Column("note"),
)
# What the engine has to reach on two cores at 128 px and batch 128: work, peer, ratio.
BARS = (
    ("report", "kornia", 1.5),
    ("report", "torchvision", 1.5),
    ("trivial", "torchvision", 1.0),
    ("rand", "torchvision", 1.0),
    ("flip", "torchvision", 3.0),
    ("flip", "kornia", 3.0),
)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to measure.

    Attributes:
        repeats: measured runs of each engine, in turn with the others.
        min_s: how long one run lasts at least.
        compile: also measure the compiled torch path.
    """

    repeats: int
    min_s: float
    compile: bool


def photos(batch: int, size: int) -> torch.Tensor:
    """(B, 3, S, S) uint8, channels_last: smooth areas, edges and grain, as photos have."""
    generator = torch.Generator().manual_seed(7)
    coarse = torch.rand((batch, 3, 6, 6), generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, (size, size), mode="bicubic")
    smooth[:, :, size // 3 :, : size // 2] *= 0.6
    noisy = smooth + 0.04 * torch.randn(smooth.shape, generator=generator)
    images = (noisy * 255).clamp(0, 255).to(torch.uint8)
    return images.contiguous(memory_format=torch.channels_last)


def engines(
    work: Work, images: torch.Tensor, labels: torch.Tensor, workers: Workers, settings: Settings
) -> dict[str, Callable[[], Any]]:
    """What can do this work: name to a call that does it once on the batch."""
    from headrace.augment import build_augmenter

    def ours(**given: Any) -> Callable[[], Any]:
        aug = build_augmenter(work.recipe, num_classes=11, **given)
        return lambda: aug(images, labels)

    found = {"ours": ours(), "ours, torch path": ours(kernels=False)}
    if settings.compile:
        found["ours, compiled"] = ours(compile=True)
    if work.torchvision is not None:
        found["torchvision"] = lambda: workers.run(work.name)
        found["torchvision, one draw per batch"] = one_draw_per_batch(work, images, labels)
    for name, build in PEERS.items():
        call = build(work, images, labels)
        if call is not None:
            found[name] = call
    return found


def timed(call: Callable[[], Any], batch: int, min_s: float) -> Callable[[], float]:
    """A run: the call again and again for a while; returns images/s."""

    def run() -> float:
        count, began = 0, time.perf_counter()
        while True:
            call()
            count += 1
            elapsed = time.perf_counter() - began
            if elapsed >= min_s:
                return count * batch / elapsed

    return run


def measure(work: Work, batch: int, size: int, settings: Settings) -> list[dict[str, Any]]:
    """Rows of one work at one batch shape, ours first."""
    images, labels = photos(batch, size), torch.arange(batch) % 11
    with Workers(images, available_cores(), [work.name]) as workers:
        found = engines(work, images, labels, workers, settings)
        for call in found.values():
            call()
        runs = {name: timed(call, batch, settings.min_s) for name, call in found.items()}
        speeds = interleaved(runs, settings.repeats)
    base = spread(speeds["ours"]).median
    rows = []
    for name, values in speeds.items():
        got = spread(values)
        unequal = "one draw" in name or name in ("kornia auto",)
        rows.append(
            {
                "work": work.name,
                "batch": batch,
                "size": size,
                "engine": name,
                "images_per_s": got.median,
                "images_per_s_iqr": got.iqr,
                "ours_ratio": base / got.median,
                "equal_work": not unequal,
                "note": _note(name, unequal),
            }
        )
    return rows


def _note(engine: str, unequal: bool) -> str:
    if unequal:
        return "unequal work: one draw per batch"
    return "in one process" if engine == "albumentations" else ""


def bars_reached(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The bars that these rows can tell of."""
    found = []
    for work, peer, least in BARS:
        for row in rows:
            here = row["work"] == work and row["engine"] == peer
            if here and row["batch"] == 128 and row["size"] == 128:
                found.append(
                    {
                        "work": work,
                        "against": peer,
                        "at_least": least,
                        "measured": row["ours_ratio"],
                        "reached": row["ours_ratio"] >= least,
                    }
                )
    return found


def panels(rows: Sequence[dict[str, Any]]) -> list[Panel]:
    """A panel for each work and batch shape."""
    grouped: dict[tuple[Any, ...], list[Bar]] = {}
    for row in rows:
        kind: BarKind = "ours" if row["engine"].startswith("ours") else "peer"
        note = "" if row["equal_work"] else "(less work)"
        bar = Bar(row["engine"], row["images_per_s"], row["images_per_s_iqr"], kind, note)
        grouped.setdefault((row["work"], row["batch"], row["size"]), []).append(bar)
    return [
        Panel(f"{work}, batch {batch}, {size} px", bars)
        for (work, batch, size), bars in grouped.items()
    ]


def _chosen(given: Sequence[str]) -> list[Work]:
    groups = {
        "recipes": [work.name for work in WORK if not work.stage],
        "stages": [work.name for work in WORK if work.stage],
    }
    words = [name for word in given for name in groups.get(word, [word])]
    wanted = names(words, [work.name for work in WORK], "--work")
    return [work for work in WORK if work.name in wanted]


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; see the module's text."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    parser = Parser(prog=called("bench augmentation"), description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    known = ", ".join(work.name for work in WORK)
    add("--work", nargs="+", default=["recipes"], metavar="W", help=f"recipes, stages, {known}")
    add("--batch-size", nargs="+", type=positive, default=[128], metavar="N", help="(128)")
    add("--size", nargs="+", type=positive, default=[128], metavar="PX", help="(128)")
    add("--repeats", type=positive, default=7, metavar="N", help="(%(default)s)")
    add("--min-seconds", type=seconds, default=0.5, metavar="S", help="of a run (%(default)s)")
    add("--compile", action="store_true", help="also the compiled path; takes minutes to compile")
    add("--json", type=Path, metavar="F", help="write the results there")
    add("--plot", type=Path, metavar="F", help="draw them there, PNG")
    given = parser.parse_args(arguments)
    if given.plot is not None and given.plot.suffix != ".png":
        raise ConfigError(f"--plot {given.plot}: expected a name that ends in .png")
    settings = Settings(repeats=given.repeats, min_s=given.min_seconds, compile=given.compile)
    rows: list[dict[str, Any]] = []
    for work in _chosen(given.work):
        for batch in given.batch_size:
            for size in given.size:
                rows += measure(work, batch, size, settings)
                print(f"measured {work.name}, batch {batch}, {size} px", file=sys.stderr)
    print(table(rows, COLUMNS))
    reached = bars_reached(rows)
    for bar in reached:
        word = "reached" if bar["reached"] else "MISSED"
        print(
            f"{bar['work']} against {bar['against']}: {bar['measured']:.2f}, "
            f"bar {bar['at_least']:g}: {word}"
        )
    if given.json:
        command = command_line("bench/augmentation.py", arguments)
        write_json(given.json, command=command, rows=rows, bars=reached)
    if given.plot:
        bar_chart(given.plot, panels(rows), title="Augmenting batches", unit="images/s")
    return 0


if __name__ == "__main__":
    run_command(main)
