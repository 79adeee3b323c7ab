"""What a report's recipe would take, from some of its batches: extrapolated, not trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from headrace.bench.reaching.one_run import epoch_rows
from headrace.bench.reaching.settings import AccuracySettings
from headrace.pipeline.records import Records
from headrace.train.command_line import read_command_line
from headrace.train.presets import load_preset
from headrace.train.run import run_training


def report_cost(preset: str, given: AccuracySettings, scratch: Path) -> dict[str, Any]:
    """Trains a few batches of a preset with our loader, after as many that are not timed.

    Loading by a report's own script can only take longer.

    Returns:
        preset, batches, images_per_s, epochs of the whole, and the minutes that these would take.
    """
    words = ["--preset", preset, "--data", str(given.data), "--val-split", "none"]
    words += ["--loader", "resident", "--limit-batches", str(given.report_batches)]
    words += ["--epochs", "2", "--device", given.device, "--no-report", "--no-tensorboard"]
    config, _ = read_command_line([*words, "--out", str(scratch / "run")])
    run_training(config)
    epochs = load_preset(preset).optim.epochs
    rate = float(epoch_rows(scratch / "run")[-1]["images_per_s"])
    with Records.open(given.data) as records:
        images = len(records.select("train")) * epochs
    return {
        "preset": preset,
        "batches": given.report_batches,
        "images_per_s": rate,
        "epochs": epochs,
        "minutes": images / rate / 60,
    }
