"""A trainer in a process of its own: opened there, timed over whole epochs, or until a goal."""

from __future__ import annotations

import gc
import importlib
import time
from typing import Any

import torch

from headrace.bench.core.process_usage import wait_until_idle
from headrace.bench.end_to_end.pursuit import Goal, Pursued, Pursuit
from headrace.bench.end_to_end.trainer_under_test import Stopwatch, Trainer, TrainerJob
from headrace.bench.loading.timed_loader import Run

OURS = ("native", "resident")
PEERS = {
    "timm": "headrace.bench.end_to_end.trainers.timm_script",
    "torchvision": "headrace.bench.end_to_end.trainers.torchvision_recipe",
    "lightning": "headrace.bench.end_to_end.trainers.lightning_fit",
    "course-script": "headrace.bench.end_to_end.trainers.course_script",
}
TRAINERS = {**dict.fromkeys(OURS, "headrace.bench.end_to_end.trainers.ours"), **PEERS}
"""Trainers by name, ours by their loader, and the modules with `open_trainer(job) -> Trainer`."""


class TimedTrainer:
    """The one trainer of a process; it answers when it has become idle."""

    def __init__(self) -> None:
        self._trainer: Trainer | None = None
        self._device = "cpu"

    def open(self, job: TrainerJob) -> float:
        """Opens a trainer and warms it up with an epoch.

        Returns:
            Seconds from before it was opened to the end of its first step.
        """
        first_step_s = self._open(job)
        self.run(0)
        return first_step_s

    def reach(self, job: TrainerJob, goal: Goal) -> Pursued:
        """Opens a trainer and, after a first step, trains until the goal is reached."""
        opening_s = self._open(job)
        assert self._trainer is not None
        wait_until_idle()  # workers read ahead: what they have ready is not waited for
        pursuit = Pursuit(self._trainer, job, goal)
        self._trainer.train(pursuit)
        return Pursued(opening_s, pursuit.curve)

    def _open(self, job: TrainerJob) -> float:
        module: Any = importlib.import_module(TRAINERS[job.trainer])
        torch.manual_seed(job.seed)
        began = time.perf_counter()
        self._trainer = module.open_trainer(job)
        self._device = job.device
        self._trainer.first_step()
        return time.perf_counter() - began

    def run(self, min_s: float) -> Run:
        """Whole epochs until `min_s` seconds are over."""
        assert self._trainer is not None
        watch = Stopwatch(self._device, min_s)
        self._trainer.train(watch)
        wait_until_idle()
        return watch.run

    def close(self) -> None:
        if self._trainer is not None:
            self._trainer.close()
            self._trainer = None
            gc.collect()
