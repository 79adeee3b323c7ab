#!/usr/bin/env python3
"""Predict the classes of a split with a trained checkpoint.

    train/predict.py runs/food11-resnet18-strided-1/best.pt food11.beton --split test --csv out.csv

The image size, the evaluation crop and the normalisation come from the checkpoint. The CSV has one
row per sample: name, predicted label (a number), its class, confidence. With labels, prints the
accuracy.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from tqdm import tqdm
from tyro.conf import Positional, arg

from headrace.augment import Preprocess
from headrace.pipeline.command_line import called, run_command
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flags import parse
from headrace.pipeline.loader import open_loader
from headrace.pipeline.loaders.settings import LoaderName, Workers
from headrace.pipeline.records import Records
from headrace.train.data.labels import check_range
from headrace.train.device.amp import choose_precision
from headrace.train.evaluate.inference import infer
from headrace.train.evaluate.outcome import Outcome
from headrace.train.evaluate.prediction_csv import check_writable, write_csv
from headrace.train.evaluate.scoring import score
from headrace.train.folder.checkpoint import load_checkpoint
from headrace.train.models.saved import saved_model
from headrace.train.processes.world import join_world
from headrace.train.settings.config import AmpName

SHOWN_CLASSES = 5


@dataclass(frozen=True, kw_only=True)
class PredictConfig:
    """Predict the classes of a split with a trained checkpoint."""

    checkpoint: Annotated[str, Positional, arg(metavar="CHECKPOINT")]
    """best.pt or last.pt; a run folder stands for its best.pt."""
    data: Annotated[str, Positional, arg(metavar="DATA")]
    """.beton file, WebDataset shards, or an image folder."""
    split: str = "test"
    """Split to predict; `all` takes every sample."""
    model: Annotated[str, arg(metavar="FILE.py:FUNCTION", help_behavior_hint="")] = ""
    """Where the file of a model of your own is now, and that it is to be taken as it is; by default
    where it was in training, and unchanged."""
    csv: Annotated[str, arg(metavar="FILE", help_behavior_hint="")] = ""
    """Write each sample's name and what is predicted here: label (a number), class, confidence."""
    loader: LoaderName = "auto"
    """Which decoder feeds the model."""
    batch_size: int = 256
    """Samples per forward pass."""
    workers: Annotated[Workers, arg(help_behavior_hint="")] = None
    """Decoding threads or processes; by default one per core at hand."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    amp: AmpName = "auto"
    """Mixed precision, as in training."""


def predict(config: PredictConfig) -> Outcome:
    """Carries out one prediction: shows what it found and writes the CSV."""
    path = Path(config.checkpoint)
    checkpoint = load_checkpoint(path / "best.pt" if path.is_dir() else path)
    classes = list(checkpoint["classes"])
    preprocess = Preprocess.from_dict(checkpoint["preprocess"])
    split = None if config.split == "all" else config.split
    with ExitStack() as resources:
        records = resources.enter_context(Records.open(config.data))
        check_split(records, config.split)
        check_classes(records, classes)
        check_range(records, split, len(classes))
        if config.csv:
            check_writable(Path(config.csv))
        _, device = join_world(config.device)
        precision = choose_precision(config.amp, device)
        model = saved_model(checkpoint, config.model)
        model = model.to(device, memory_format=torch.channels_last)
        loader = resources.enter_context(
            open_loader(
                records,
                split=split,
                loader=config.loader,
                size=preprocess.size,
                eval_mode=preprocess.eval_mode,
                eval_crop=preprocess.eval_crop,
                batch_size=config.batch_size,
                workers=config.workers,
                device=device,
                train=False,
            )
        )
        if len(loader) == 0:
            raise ConfigError(f"split {config.split!r} of {config.data} is empty")
        with tqdm(total=len(loader), unit="batch", desc="predict", leave=False) as bar:
            outcome = infer(model, loader, preprocess, precision, on_batch=bar.update)
        for line in describe(outcome, classes):
            print(line)
        if config.csv:
            write_csv(Path(config.csv), outcome, records, classes)
            print(f"wrote {config.csv}: {len(outcome.indices)} rows")
    return outcome


def check_split(records: Records, split: str) -> None:
    """Refuses the default split where the data have none of this name, and says what to give.

    Raises:
        ConfigError: naming the splits that there are.
    """
    if split == "test" and split not in records.splits:
        first, *others = records.splits
        raise ConfigError(
            f"{records.path} has no split 'test'; it has {', '.join([first, *others])}: "
            f"say --split {first}, or --split all for every sample"
        )


def check_classes(records: Records, classes: list[str]) -> None:
    """Refuses data whose labels mean something else than the model's.

    Raises:
        ConfigError: naming the first class that differs.
    """
    theirs = list(records.manifest.classes)
    if not theirs or theirs == classes or not (records.labels >= 0).any():
        return
    for number, (own, other) in enumerate(zip(classes, theirs, strict=False)):
        if own != other:
            raise ConfigError(
                f"the model's class {number} is {own!r}, in {records.path} it is {other!r}; "
                "predict on data packed with the same classes"
            )
    raise ConfigError(
        f"the model knows {len(classes)} classes, {records.path} has {len(theirs)}; "
        "predict on data packed with the same classes"
    )


def describe(outcome: Outcome, classes: list[str]) -> list[str]:
    """Lines for the screen: the accuracy and the hardest classes, where labels are known."""
    scores = score(outcome, len(classes))
    if not scores.count:
        return [f"{len(outcome.indices)} samples, none of them labelled"]
    lines = [
        f"accuracy {scores.accuracy:.4f} on {scores.count} samples, "
        f"mean over classes {scores.macro_accuracy:.4f}, loss {scores.loss:.4f}"
    ]
    known = outcome.labels >= 0
    labels, right = outcome.labels[known], (outcome.predicted == outcome.labels)[known]
    counts = np.bincount(labels, minlength=len(classes))
    shares = np.bincount(labels, weights=right, minlength=len(classes)) / np.maximum(counts, 1)
    hardest = [int(c) for c in np.argsort(shares, kind="stable") if counts[c]][:SHOWN_CLASSES]
    lines.append("hardest: " + ", ".join(f"{classes[c]} {shares[c]:.2f}" for c in hardest))
    return lines


def main() -> None:
    predict(parse(PredictConfig, called("predict")))


if __name__ == "__main__":
    run_command(main)
