"""Training with each loader against the same steps with one batch that is on the device."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

from headrace.bench.core.isolated_process import IsolatedProcess, UnavailableError
from headrace.bench.core.repeats import interleaved, spread
from headrace.bench.core.tables import Column
from headrace.bench.end_to_end.comparison import Compared
from headrace.bench.end_to_end.our_run import AS_PEERS, RunSettings, Steps
from headrace.bench.end_to_end.paired_steps import OpenedRun, PairedSteps
from headrace.bench.loading.image_sets import ImageSet
from headrace.pipeline.bars import bar

COLUMNS = (
    Column("data"),
    Column("px", "size", "d"),
    Column("loader"),
    Column("images/s", "images_per_s", ",.0f"),
    Column("IQR", "images_per_s_iqr", ",.0f"),
    Column("of synthetic", "share", ".1%"),
    Column("IQR", "share_iqr", ".1%"),
    Column("synthetic images/s", "synthetic_per_s", ",.0f"),
    Column("synthetic ms/image", "synthetic_ms", ".2f"),
    Column("waits", "waited", ".1%"),
    Column("CPU s per 1000", "cpu_s_per_1000", ".2f"),
    Column("first step s", "first_step_s", ".1f"),
)

Pair = tuple[Steps, Steps]
"""Of the synthetic batch, of the loader's."""


def compare_loaders(
    sets: Sequence[ImageSet], loaders: Sequence[str], compared: Compared
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """All loaders on all files in turn, each after synthetic steps in the same process.

    Returns:
        Rows of COLUMNS, and what could not run and why.
    """
    unavailable: list[dict[str, Any]] = []
    places = [(image_set, loader) for image_set in sets for loader in loaders]
    with (
        ExitStack() as stack,
        bar(total=len(places) * (1 + compared.repeats), desc="loaders", leave=False) as progress,
    ):
        processes: dict[str, IsolatedProcess] = {}
        opened: dict[str, tuple[ImageSet, str, OpenedRun]] = {}

        def note(image_set: ImageSet, loader: str, error: UnavailableError) -> None:
            entry = {"loader": loader, "data": image_set.path.stem, "reason": str(error)}
            if entry not in unavailable:
                unavailable.append(entry)

        for image_set, loader in places:
            key = f"{image_set.path.stem} {loader}"
            process = stack.enter_context(IsolatedProcess(key, PairedSteps))
            try:
                settings = run_settings(image_set, loader, compared)
                first = process.ask("open", settings, compared.settling)
                processes[key], opened[key] = process, (image_set, loader, first)
            except UnavailableError as error:
                note(image_set, loader, error)
            progress.update(1)

        def pair(key: str) -> Pair | None:
            progress.update(1)
            try:
                ask = processes[key].ask
                return ask("synthetic", compared.min_s), ask("loaded", compared.min_s)
            except UnavailableError as error:
                note(*opened[key][:2], error)
                return None

        runs = interleaved({key: partial(pair, key) for key in opened}, compared.repeats)
        rows = [
            _row(image_set, loader, first, done, compared)
            for key, (image_set, loader, first) in opened.items()
            if (done := [found for found in runs[key] if found is not None])
        ]
    return rows, unavailable


def run_settings(image_set: ImageSet, loader: str, compared: Compared) -> RunSettings:
    """A run of ours with a loader on a file."""
    return RunSettings(
        data=str(compared.file_for(loader, image_set)),
        loader=loader,
        model=compared.model,
        size=compared.size,
        batch_size=compared.batch_size,
        workers=compared.workers,
        device=compared.device,
        amp=compared.amp,
        out=compared.folder_of("loader", image_set.path.stem, loader),
        more=AS_PEERS,
    )


def _row(
    image_set: ImageSet,
    loader: str,
    first: OpenedRun,
    pairs: Sequence[Pair],
    compared: Compared,
) -> dict[str, Any]:
    """The share is the median of the pairs' own shares: a slow spell hits both of a pair."""
    speed = spread(loaded.images_per_s for _, loaded in pairs)
    synthetic = spread(same.images_per_s for same, _ in pairs)
    share = spread(loaded.images_per_s / same.images_per_s for same, loaded in pairs)
    return {
        "loader": loader,
        "data": image_set.path.stem,
        **compared.columns(),
        "images_per_s": speed.median,
        "images_per_s_iqr": speed.iqr,
        "share": share.median,
        "share_iqr": share.iqr,
        "synthetic_per_s": synthetic.median,
        "synthetic_ms": 1000 / synthetic.median,
        "waited": spread(loaded.waited for _, loaded in pairs).median,
        "cpu_s_per_1000": spread(1000 * run.cpu_s / run.images for _, run in pairs).median,
        "first_step_s": first.first_step_s,
        "workers": compared.workers,
        "images": first.images,
        "dtype": first.dtype,
        "runs": [loaded.images_per_s for _, loaded in pairs],
        "synthetic_runs": [same.images_per_s for same, _ in pairs],
    }
