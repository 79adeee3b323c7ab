"""What levels are worth: the same photos at several sizes, loaded with levels and without.

The enlarged sources are the photos themselves, resized to a longer side and compressed again at
quality 92: as many bytes to decode as a camera's of that size would have, though less to see.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from headrace.bench.core.isolated_process import UnavailableError
from headrace.bench.core.line_chart import Line, LinePanel
from headrace.bench.core.psnr import psnr
from headrace.bench.core.repeats import interleaved, spread
from headrace.bench.core.tables import Column
from headrace.bench.loading.image_forms import warm_page_cache
from headrace.bench.loading.loader_process import LoaderProcess
from headrace.bench.loading.loader_under_test import Job
from headrace.bench.loading.repeat_records import repeat_records
from headrace.pipeline.cores import available_cores
from headrace.pipeline.crops.settings import CropConfig
from headrace.pipeline.layouts.discovery import discover
from headrace.pipeline.loaders.reference import reference_batch
from headrace.pipeline.plan import PlanConfig, make_plan
from headrace.pipeline.records import Records
from headrace.tools.packing.encode import EncodeConfig
from headrace.tools.packing.output import Output
from headrace.tools.packing.run import pack_beton

QUALITY = 92
CROP_SCALE = (0.08, 1.0)
WITH, WITHOUT = "native, levels", "native"
PEERS = ("peer:ffcv", "peer:dali")
SPEED_COLUMNS = (
    Column("source px", "source_px", "d"),
    Column("px", "size", "d"),
    Column("loader"),
    Column("images/s", "images_per_s", ",.0f"),
    Column("IQR", "images_per_s_iqr", ",.0f"),
    Column("times native without", "ratio", ".2f"),
    Column("CPU %", "cpu_percent", ".0f"),
)
FILE_COLUMNS = (
    Column("source px", "source_px", "d"),
    Column("kB/image", "kb_per_image", ".1f"),
    Column("with levels", "kb_with_levels", ".1f"),
    Column("growth", "growth", ".0%"),
    Column("pack images/s", "pack_per_s", ",.0f"),
    Column("with levels", "pack_with_levels_per_s", ",.0f"),
    Column("times as long", "pack_ratio", ".2f"),
)
LOSS_COLUMNS = (
    Column("source px", "source_px", "d"),
    Column("px", "size", "d"),
    Column("crops from a level", "from_levels", ".0%"),
    Column("PSNR dB", "psnr_db", ".1f"),
    Column("lowest tenth", "psnr_low_db", ".1f"),
)


@dataclass(frozen=True, kw_only=True)
class LevelsConfig:
    """How to measure.

    Attributes:
        workers: threads of each loader.
        batch_size: images.
        epoch_images: least images of an epoch; sources with fewer are repeated.
        repeats: measured runs of each.
        min_s: least duration of one of them, in whole epochs.
    """

    workers: int
    batch_size: int
    epoch_images: int
    repeats: int
    min_s: float


@dataclass(frozen=True, kw_only=True)
class PackedSource:
    """One size of the photos.

    Attributes:
        source_px: longer side in px; of the photos as they are the median.
        folder: of the JPEGs, in a folder of one class.
        plain, levels: .beton without and with levels.
        images: how many.
    """

    source_px: int
    folder: Path
    plain: Path
    levels: Path
    images: int


def pack_source(
    photos: Path, scratch: Path, side: int, repeats: int
) -> tuple[PackedSource, dict[str, Any]]:
    """Makes a source of a longer side in px (0: as the photos are) and packs it both ways.

    Returns:
        The source, and the row of FILE_COLUMNS.
    """
    folder = scratch / str(side) / "photos"
    folder.mkdir(parents=True)
    listing = discover(photos)
    sides = [_resized(listing.root / name, folder / f"{i:05}.jpg", side)
             for i, name in enumerate(listing.paths)]  # fmt: skip
    outs = {0: scratch / f"{side}.beton", "auto": scratch / f"{side}-levels.beton"}
    for levels, out in outs.items():  # reads the files, compiles what has to be
        _pack(folder, out, levels)
    runs = {str(levels): partial(_pack, folder, out, levels) for levels, out in outs.items()}
    seconds = {name: spread(times).median for name, times in interleaved(runs, repeats).items()}
    plain, levels = (path.stat().st_size for path in outs.values())
    count = len(sides)
    source = PackedSource(
        source_px=int(np.median(sides)),
        folder=folder.parent,
        plain=outs[0],
        levels=outs["auto"],
        images=count,
    )
    stored, beside = _stored_bytes(source.levels)
    row = {
        "source_px": source.source_px,
        "images": count,
        "file_mb": plain / 1e6,
        "file_with_levels_mb": levels / 1e6,
        "kb_per_image": stored / count / 1000,
        "kb_with_levels": (stored + beside) / count / 1000,
        "growth": beside / stored,
        "pack_per_s": count / seconds["0"],
        "pack_with_levels_per_s": count / seconds["auto"],
        "pack_ratio": seconds["auto"] / seconds["0"],
    }
    return source, row


def _resized(photo: Path, out: Path, side: int) -> int:
    """Writes a photo at a longer side; returns that side in px."""
    with Image.open(photo) as image:
        longer = max(image.size)
        if not side:
            out.write_bytes(photo.read_bytes())
            return longer
        width, height = (max(1, round(length * side / longer)) for length in image.size)
        enlarged = image.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
        enlarged.save(out, quality=QUALITY)
    return side


def _pack(folder: Path, out: Path, levels: Any) -> float:
    started = time.perf_counter()
    config = EncodeConfig(max_side=0, levels=levels)
    pack_beton(discover(folder), Output(path=out, force=True), config, workers=available_cores())
    return time.perf_counter() - started


def _stored_bytes(path: Path) -> tuple[int, int]:
    """Of the images in a file, and of their levels."""
    with Records.open(path) as records:
        everything = range(len(records))
        images = sum(records.view(i).nbytes for i in everything)
        places = np.argwhere(records.levels).tolist()
        return images, sum(records.view(i, level + 1).nbytes for i, level in places)


def measure_speed(
    sources: Sequence[PackedSource], size: int, scratch: Path, config: LevelsConfig
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """All loaders on all sources at one size of batches, px, in turn.

    Returns:
        Rows of SPEED_COLUMNS, and what could not run and why.
    """
    rows: list[dict[str, Any]] = []
    unavailable: list[dict[str, Any]] = []
    with ExitStack() as stack:
        opened: dict[tuple[int, str], LoaderProcess] = {}
        for source in sources:
            for name, job in _jobs(source, size, scratch, config).items():
                try:
                    process = stack.enter_context(LoaderProcess(name))
                    process.open(job)
                    opened[source.source_px, name] = process
                except UnavailableError as error:
                    unavailable.append({"loader": name, "reason": str(error)})
        runs = interleaved(
            {f"{px} {name}": partial(process.run, config.min_s)
             for (px, name), process in opened.items()},
            config.repeats,
        )  # fmt: skip
        for px, name in opened:
            done = runs[f"{px} {name}"]
            speed = spread(run.images_per_s for run in done)
            rows.append(
                {
                    "source_px": px,
                    "size": size,
                    "loader": name,
                    "images_per_s": speed.median,
                    "images_per_s_iqr": speed.iqr,
                    "cpu_percent": spread(run.cpu_percent for run in done).median,
                    "crop_scale": list(CROP_SCALE),
                    "workers": config.workers,
                    "batch_size": config.batch_size,
                    "runs": [run.images_per_s for run in done],
                }
            )
    plain = {row["source_px"]: row["images_per_s"] for row in rows if row["loader"] == WITHOUT}
    for row in rows:
        row["ratio"] = row["images_per_s"] / plain[row["source_px"]]
    return rows, unavailable


def _jobs(source: PackedSource, size: int, scratch: Path, config: LevelsConfig) -> dict[str, Job]:
    """Jobs by name, on images that are repeated until an epoch is long enough."""
    repeat = -(-config.epoch_images // source.images)
    files = {}
    for path in (source.plain, source.levels):
        files[path] = scratch / f"{path.stem}-x{repeat}.beton"
        if not files[path].exists():
            repeat_records(path, files[path], split=None, count=source.images * repeat)
        warm_page_cache(files[path])
    warm_page_cache(source.folder)

    def job(name: str, path: Path, split: str | None, times: int = 1) -> Job:
        return Job(
            name=name,
            path=str(path),
            split=split,
            size=size,
            batch_size=config.batch_size,
            workers=config.workers,
            crop_scale=CROP_SCALE,
            repeat=times,
        )

    return {
        WITH: job("native", files[source.levels], "train"),
        WITHOUT: job("native", files[source.plain], "train"),
        "peer:ffcv": job("peer:ffcv", files[source.plain], "train"),
        "peer:dali": job("peer:dali", source.folder, None, repeat),
    }


def measure_loss(source: PackedSource, size: int) -> dict[str, Any]:
    """The row of LOSS_COLUMNS: crops read from a level against the same crops of the images."""
    with Records.open(source.levels) as records:
        crop = CropConfig(size=size, geometry="crop", crop_scale=CROP_SCALE)
        config, chosen = PlanConfig(crop=crop), range(len(records))
        sides = records.heights, records.widths
        exact = make_plan(*sides, chosen, config, 0)
        plan = make_plan(*sides, chosen, config, 0, stored=records.levels)
        places = np.flatnonzero(plan.read_levels(slice(None))).tolist()
        losses = [
            psnr(
                reference_batch(records, plan, [place], config.shape).numpy(),
                reference_batch(records, exact, [place], config.shape).numpy(),
            )
            for place in places
        ]
    return {
        "source_px": source.source_px,
        "size": size,
        "from_levels": len(places) / len(exact.indices),
        "psnr_db": _finite(losses, 0.5),
        "psnr_low_db": _finite(losses, 0.1),
    }


def _finite(losses: Sequence[float], share: float) -> float | None:
    value = float(np.quantile(losses, share)) if losses else math.inf
    return value if math.isfinite(value) else None


def panels(rows: Sequence[dict[str, Any]]) -> list[LinePanel]:
    """Speed over the sources' size, a panel for each size of batches."""
    kinds: dict[str, Callable[[Sequence[tuple[float, float]]], Line]] = {
        WITH: lambda points: Line(label="with levels", points=points),
        WITHOUT: lambda points: Line(label="without", points=points, dashed=True),
        "peer:ffcv": lambda points: Line(label="FFCV", points=points, kind="peer"),
        "peer:dali": lambda points: Line(label="DALI", points=points, kind="peer", dashed=True),
    }
    made = []
    for size in dict.fromkeys(row["size"] for row in rows):
        lines = []
        for name, line in kinds.items():
            found = [row for row in rows if row["size"] == size and row["loader"] == name]
            points = sorted((row["source_px"], row["images_per_s"]) for row in found)
            if points:
                lines.append(line(points))
        made.append(LinePanel(f"batches of {size} px", lines))
    return made
