"""Ways of training on few images of many classes from weights of coarser ones, and from none."""

from __future__ import annotations

import contextlib
import os
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace.bench.core.tables import Column
from headrace.train.evaluate import EvaluateConfig, evaluate
from headrace.train.probe import ProbeConfig, probe
from headrace.train.run import run_training
from headrace.train.settings.config import RunConfig
from headrace.train.settings.config_file import from_flat, load_yaml

SCRATCH, AS_LONG = "from scratch", "from scratch, with the epochs of the pretraining too"
PROBE = "features once, a linear classifier"
WAYS: dict[str, dict[str, Any]] = {
    SCRATCH: {},
    AS_LONG: {},
    "all stages": {},
    PROBE: {},
    "the last two stages": {"train_last": 2},
    "unfrozen one by one": {"train_last": 1, "unfreeze_every": 1},
    "the head alone": {"train_last": 1, "lr": 0.01},
}
"""Rows of the table, and what they say of a run."""
COLUMNS = (
    Column("way", "way"),
    Column("epochs", "epochs"),
    Column("seconds", "seconds", ".0f"),
    Column("test accuracy", "accuracy", ".3f"),
    Column("deviation", "deviation", ".3f"),
)


@dataclass(frozen=True, kw_only=True)
class Study:
    """What all runs share.

    Attributes:
        coarse, fine: the same images, with few classes and with many.
        folder: for run folders.
        settings: of every run.
        pretrain_epochs: of the run on the coarse classes.
        epochs: of a run on the fine classes.
    """

    coarse: Path
    fine: Path
    folder: Path
    settings: dict[str, Any]
    pretrain_epochs: int
    epochs: int

    def pretrain(self) -> tuple[Path, float]:
        """A run on the coarse classes: its folder and its seconds."""
        return self._run(self.coarse, "coarse", 0, {"epochs": self.pretrain_epochs})

    def way(self, name: str, base: Path, seeds: int) -> dict[str, Any]:
        """The row of a way: mean and deviation of the test accuracy over seeds, mean seconds."""
        runs = [self._one(name, base, seed) for seed in range(seeds)]
        accuracies, seconds = zip(*runs, strict=True)
        return {
            "way": name,
            "epochs": None if name == PROBE else self.epochs_of(name),
            "seconds": statistics.mean(seconds),
            "accuracy": statistics.mean(accuracies),
            "deviation": statistics.stdev(accuracies) if seeds > 1 else None,
            "accuracies": list(accuracies),
        }

    def epochs_of(self, name: str) -> int:
        """The epochs of a way on the fine classes."""
        return self.epochs + self.pretrain_epochs * (name == AS_LONG)

    def _one(self, name: str, base: Path, seed: int) -> tuple[float, float]:
        if name == PROBE:
            run, seconds = self._probe(base, seed)
        else:
            start = {} if name in (SCRATCH, AS_LONG) else {"weights": str(base)}
            changes = {**WAYS[name], **start, "epochs": self.epochs_of(name)}
            run, seconds = self._run(self.fine, name, seed, changes)
        asked = EvaluateConfig(paths=(str(run), str(self.fine)), split="test", device="cpu")
        with _silent():
            return float(evaluate(asked)["accuracy"]), seconds

    def _run(self, data: Path, name: str, seed: int, changes: dict[str, Any]) -> tuple[Path, float]:
        folder = self.folder / f"{name} {seed}"
        own = {"data": str(data), "out": str(folder), "seed": seed}
        config = from_flat({**self.settings, **own, **changes}, "bench")
        began = time.perf_counter()
        with _silent():
            run_training(config)
        return folder, time.perf_counter() - began

    def _probe(self, base: Path, seed: int) -> tuple[Path, float]:
        folder = self.folder / f"probe {seed}"
        config: RunConfig = load_yaml(base / "config.yaml")
        asked = ProbeConfig(
            data=str(self.fine),
            model=config.model.model,
            weights=str(base),
            seed=seed,
            crop=config.data.crop,
            decode=config.data.decode,
            device="cpu",
            amp=config.runtime.amp,
            features=str(self.folder / f"features {seed}"),
            out=str(folder),
        )
        began = time.perf_counter()
        with _silent():
            probe(asked)
        return folder, time.perf_counter() - began


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    with (
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        yield
