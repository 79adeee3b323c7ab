"""Loading at points of a scale: as many workers, images in a batch, or records as that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace.bench.core.bar_chart import Bar, Panel
from headrace.bench.core.isolated_process import UnavailableError
from headrace.bench.core.repeats import interleaved, spread
from headrace.bench.core.tables import Column
from headrace.bench.loading.loader_process import LoaderProcess
from headrace.bench.loading.loader_under_test import Job
from headrace.bench.loading.sources import reads_of
from headrace.bench.loading.timed_loader import OpenCost, Part
from headrace.pipeline.bars import bar

SPEED_COLUMNS = (
    Column("what"),
    Column("value", "value", ",d"),
    Column("loader"),
    Column("images/s", "images_per_s", ",.0f"),
    Column("IQR", "images_per_s_iqr", ",.0f"),
    Column("first batch s", "first_batch_s", ".2f"),
    Column("CPU %", "cpu_percent", ".0f"),
    Column("peak MB", "peak_rss_mb", ",.0f"),
)
OPEN_COLUMNS = (
    Column("records", "value", ",d"),
    Column("open s", "open_s", ".3f"),
    Column("plan s", "plan_s", ".3f"),
    Column("added MB", "open_rss_mb", ",.0f"),
    Column("of it private", "open_private_mb", ",.0f"),
    Column("file MB", "file_mb", ",.0f"),
)


@dataclass(frozen=True, kw_only=True)
class Point:
    """One setting to measure: what varies, its value, and the file it is measured on."""

    what: str
    value: int
    path: Path
    workers: int
    batch_size: int


@dataclass(frozen=True, kw_only=True)
class ScalingConfig:
    """How to measure: see the command line."""

    loaders: Sequence[str]
    size: int
    seed: int
    repeats: int
    min_s: float


def measure_opening(number: int, path: Path, repeats: int) -> dict[str, Any]:
    """The row of opening a file of that many records, each time in a fresh process."""
    costs: list[OpenCost] = []
    for _ in range(repeats):
        with LoaderProcess("opening") as process:
            costs.append(process.open_records(path))
    return {
        "value": number,
        "open_s": spread(cost.open_s for cost in costs).median,
        "open_s_iqr": spread(cost.open_s for cost in costs).iqr,
        "plan_s": spread(cost.plan_s for cost in costs).median,
        "open_rss_mb": spread(cost.rss_mb for cost in costs).median,
        "open_private_mb": spread(cost.private_mb for cost in costs).median,
        "file_mb": path.stat().st_size / 1e6,
    }


def measure(
    points: Sequence[Point], config: ScalingConfig
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Measures every loader at every point, interleaved within what varies.

    Returns:
        rows, and the loaders that could not run with the reason.
    """
    rows: list[dict[str, Any]] = []
    unavailable: dict[tuple[str, str], dict[str, Any]] = {}
    groups = [
        [(loader, point) for point in points if point.what == what for loader in config.loaders]
        for what in dict.fromkeys(point.what for point in points)
    ]
    with bar(total=len(points) * len(config.loaders) * config.repeats, leave=False) as progress:

        def run(loader: str, point: Point) -> tuple[Part, float] | None:
            progress.set_postfix_str(f"{loader}, {point.value} {point.what}")
            try:
                with LoaderProcess(loader) as process:
                    return process.run_part(_job(loader, point, config), config.min_s), (
                        process.peak_rss_mb
                    )
            except UnavailableError as error:
                reason = str(error)
                unavailable[loader, reason] = {"loader": loader, "reason": reason}
                return None
            finally:
                progress.update(1)

        for group in groups:
            runs = {
                f"{loader} {point.value}": lambda pair=(loader, point): run(*pair)
                for loader, point in group
            }
            found = interleaved(runs, config.repeats)
            for (loader, point), results in zip(group, found.values(), strict=True):
                rows += _row(loader, point, config, [r for r in results if r is not None])
    return rows, list(unavailable.values())


def _job(loader: str, point: Point, config: ScalingConfig) -> Job:
    assert reads_of(loader) == "beton"
    return Job(
        name=loader,
        path=str(point.path),
        split="train",
        size=config.size,
        batch_size=point.batch_size,
        workers=point.workers,
        crop_scale=(0.08, 1.0),
        seed=config.seed,
    )


def _row(
    loader: str, point: Point, config: ScalingConfig, results: Sequence[tuple[Part, float]]
) -> Iterator[dict[str, Any]]:
    if not results:
        return
    speed = spread(part.run.images_per_s for part, _ in results)
    yield {
        "what": point.what,
        "value": point.value,
        "loader": loader,
        "size": config.size,
        "workers": point.workers,
        "batch_size": point.batch_size,
        "images_per_s": speed.median,
        "images_per_s_iqr": speed.iqr,
        "first_batch_s": spread(part.first_batch_s for part, _ in results).median,
        "cpu_percent": spread(part.run.cpu_percent for part, _ in results).median,
        "peak_rss_mb": spread(peak for _, peak in results).median,
    }


def panels(rows: Sequence[dict[str, Any]], opening: Sequence[dict[str, Any]]) -> list[Panel]:
    """One panel per thing that varies, and one for the time to open."""
    found = []
    for what in dict.fromkeys(row["what"] for row in rows):
        bars = [
            Bar(
                f"{row['loader'].removeprefix('peer:')}, {row['value']:,}",
                row["images_per_s"],
                row["images_per_s_iqr"],
                "peer" if row["loader"].startswith("peer:") else "ours",
            )
            for row in rows
            if row["what"] == what
        ]
        found.append(Panel(f"images/s by {what}", bars))
    bars = [
        Bar(f"{row['value']:,}", 1000 * row["open_s"], note=f"{row['open_rss_mb']:.0f} MB")
        for row in opening
    ]
    return [*found, Panel("milliseconds to open that many records, and memory added", bars)]
