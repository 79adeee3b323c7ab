"""One training of a preset and what its weights are worth: what is finished is not done again."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

from headrace.bench.core.kept_row import Row, measured_once
from headrace.pipeline.device import resolve_device
from headrace.pipeline.records import Records
from headrace.train.command_line import read_command_line
from headrace.train.data.inputs import data_fingerprint
from headrace.train.evaluation.scoring import score
from headrace.train.folder.checkpoint import save_checkpoint
from headrace.train.folder.run_folder import LOG_NAME
from headrace.train.folder.save import about_weights
from headrace.train.predict import PredictConfig, predict
from headrace.train.run import run_training
from headrace.train.settings.config import RunConfig
from headrace.train.settings.config_file import to_flat

JUDGED_NAME = "judged.pt"
"""In a run's folder: the weights after the last epoch, averaged where the preset averages.

best.pt would be of the epoch that does best on what is measured on, and last.pt goes on from
weights that are not averaged.
"""


def train_once(preset: str, folder: Path, data: Path, test_split: str, flags: Sequence[str]) -> Row:
    """Trains on all of the training split and measures its last weights on the test split.

    The split is also measured after each epoch, for the curve; that chooses nothing, and its time
    is not counted. What is counted is everything else from the packed file on: opening, decoding,
    training, saving. A row that is kept beside the folder is given back.

    Args:
        preset: whose settings.
        folder: of the run.
        data: packed records.
        test_split: to measure on.
        flags: of train/run.py, what is other than in the preset.

    Returns:
        accuracy, as the preset predicts; plain, of each image seen once; seconds; and curve, pairs
        of seconds and accuracy after each epoch.

    Raises:
        ConfigError: if what is kept there was trained with other settings or on other data, or
            the folder holds another run.
    """
    words = ["--preset", preset, *flags, "--data", str(data), "--val-split", test_split]
    words += ["--loader", "resident", "--no-report", "--no-tensorboard"]
    config, _ = read_command_line([*words, "--out", str(folder), "--overwrite"])
    asked = _asked(config, data, test_split)
    return measured_once(folder, asked, lambda: _trained(config, data, test_split))


def _trained(config: RunConfig, data: Path, test_split: str) -> Row:
    folder = Path(config.runtime.out)
    begun = time.monotonic()
    run = run_training(config)
    spent = time.monotonic() - begun
    judged = folder / JUDGED_NAME
    save_checkpoint(judged, {**about_weights(run, None), "weights": run.average.model.state_dict()})
    epochs, end = epoch_rows(folder), end_row(folder)
    before = spent - end["seconds"]["total"]  # opening the data and building the model
    return {
        "accuracy": _accuracy(judged, data, test_split, "run"),
        "plain": _accuracy(judged, data, test_split, "0"),
        "seconds": spent - end["seconds"]["evaluate"],
        "epochs": len(epochs),
        "curve": _curve(epochs, before),
    }


def _asked(config: RunConfig, data: Path, test_split: str) -> Row:
    """What the row depends on: every setting, the device, and the data's splits, labels, sizes."""
    with Records.open(data) as records:
        fingerprint = data_fingerprint(records, (config.data.train_split, test_split))
    device = str(resolve_device(config.runtime.device))
    return {**to_flat(config), "data": fingerprint, "device": device, "out": None}


def epoch_rows(folder: Path) -> list[Row]:
    """What a run has logged of each epoch."""
    return [row for row in _logged(folder) if row["kind"] == "epoch"]


def end_row(folder: Path) -> Row:
    """What a run has logged at its end."""
    return _logged(folder)[-1]


def _logged(folder: Path) -> list[Row]:
    return [json.loads(line) for line in (folder / LOG_NAME).read_text().splitlines()]


def _curve(epochs: list[Row], before: float) -> list[tuple[float, float]]:
    points, at = [], before
    for row in epochs:
        at += row["seconds"] * (1 - row["shares"]["evaluate"])
        points.append((at, row["val_accuracy"]))
    return points


def _accuracy(checkpoint: Path, data: Path, split: str, tta: str) -> float:
    asked = PredictConfig(paths=(str(checkpoint), str(data)), split=split, tta=tta)
    outcome = predict(asked)
    return score(outcome, outcome.logits.shape[1], ("accuracy",)).accuracy
