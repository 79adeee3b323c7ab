"""Loaders' memory over epochs and early breaks."""

from __future__ import annotations

from collections.abc import Sequence

from headrace.bench.core.isolated_process import UnavailableError
from headrace.bench.loading.comparison import CompareConfig, Results, make_job, note_unavailable
from headrace.bench.loading.image_forms import ImageForms
from headrace.bench.loading.image_sets import ImageSet
from headrace.bench.loading.loader_process import LoaderProcess
from headrace.bench.loading.timed_loader import Growth
from headrace.pipeline.bars import bar


def watch_memory(
    image_set: ImageSet,
    names: Sequence[str],
    config: CompareConfig,
    forms: ImageForms,
    *,
    size: int,
    crop_scale: tuple[float, float],
    results: Results,
) -> None:
    """Runs epochs and early breaks of each loader and adds the growth to `results.memory`."""
    for name in bar(names, desc=f"memory {image_set.records}", unit="loader", leave=False):
        try:
            job = make_job(image_set, name, config, forms, size, crop_scale)
            with LoaderProcess(name) as process:
                process.open(job)
                growth: Growth = process.grow(config.memory_epochs, config.memory_epochs)
        except UnavailableError as error:
            note_unavailable(results, name, image_set, error)
            continue
        results.memory.append(
            {
                "loader": name,
                "records": image_set.records,
                "size": size,
                "growth_mb": growth.growth_mb,
                "after_first_epoch_mb": growth.first_mb,
                "after_epochs_mb": growth.epochs_mb,
                "after_breaks_mb": growth.breaks_mb,
                "peak_rss_mb": process.peak_rss_mb,
            }
        )
