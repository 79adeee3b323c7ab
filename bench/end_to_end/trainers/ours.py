"""Our own: the epochs of a run, with one of our loaders."""

from __future__ import annotations

from contextlib import ExitStack

from headrace.bench.device.timing import wait
from headrace.bench.end_to_end.our_run import (
    AS_PEERS,
    RunSettings,
    endless,
    open_our_run,
    step,
)
from headrace.bench.end_to_end.trainer_under_test import Stopwatch, TrainerJob
from headrace.train.loop import train_epoch
from headrace.train.processes.stop import StopRequest


def open_trainer(job: TrainerJob) -> OurTrainer:
    """A run by the loader that the job names as its trainer.

    Raises:
        HeadraceError: for data that cannot be learnt from.
    """
    return OurTrainer(job)


class OurTrainer:
    """`train_epoch` of a run: its clock, meter and hooks included."""

    def __init__(self, job: TrainerJob) -> None:
        self._resources = ExitStack()
        settings = RunSettings(
            data=job.path,
            loader=job.trainer,
            model=job.model,
            size=job.size,
            batch_size=job.batch_size,
            workers=job.workers,
            device=job.device,
            amp=job.amp,
            out=job.scratch,
            more=(*AS_PEERS, ("seed", job.seed)),
        )
        self._run = open_our_run(settings, "bench/training.py", self._resources)
        self.model, self.preprocess = self._run.model, self._run.preprocess
        self._images = self._run.steps_per_epoch * job.batch_size

    def first_step(self) -> None:
        batches = endless(self._run)
        step(self._run, next(batches))
        wait(self._run.device)

    def train(self, watch: Stopwatch) -> None:
        watch.start()
        while not watch.enough:
            train_epoch(self._run, StopRequest())  # not entered: signals are the process' own
            watch.add(self._images)
            self._run.progress.next_epoch()

    def close(self) -> None:
        self._resources.close()
