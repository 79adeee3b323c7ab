"""Lightning: a LightningModule and a DataLoader of an ImageFolder in `Trainer.fit`.

Its bars, summaries, checkpoints and loggers are off. Every `fit` starts the loader's workers anew,
so the first epoch of each is not timed, or from its first batch on where all epochs count.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from headrace.bench.end_to_end.our_run import LEARNING_RATE, MOMENTUM, WEIGHT_DECAY
from headrace.bench.end_to_end.trainer_under_test import (
    IMAGENET,
    Stopwatch,
    TrainerJob,
)
from headrace.bench.end_to_end.trainers.torchvision_recipe import (
    torchvision_model,
    training_batches,
)
from headrace.pipeline.errors import MissingPackageError


def open_trainer(job: TrainerJob) -> LightningTrainer:
    """Lightning's trainer.

    Raises:
        MissingPackageError: if Lightning is not installed.
    """
    return LightningTrainer(job)


class LightningTrainer:
    """A module that is fitted again for each run, on one loader."""

    preprocess = IMAGENET

    def __init__(self, job: TrainerJob) -> None:
        try:
            from lightning.pytorch import LightningModule, Trainer
            from lightning.pytorch.callbacks import Callback
        except ImportError as error:
            raise MissingPackageError(
                f'Lightning cannot be imported ({error}): pip install "headrace[examples]"'
            ) from None

        class Classifier(LightningModule):
            def __init__(self) -> None:
                super().__init__()
                self.model = torchvision_model(job)

            def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
                images, labels = batch
                return cross_entropy(self.model(images), labels)

            def configure_optimizers(self) -> torch.optim.Optimizer:
                return torch.optim.SGD(
                    self.parameters(), LEARNING_RATE, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY
                )

        class EndOfEpoch(Callback):
            """Looks at the watch after every epoch."""

            def __init__(self, watch: Stopwatch, images: int) -> None:
                self.watch, self.images = watch, images

            def on_train_batch_start(self, *_: Any) -> None:
                if self.watch.first_counts and not self.watch.started:
                    self.watch.start()

            def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
                if self.watch.started:
                    self.watch.add(self.images)
                else:
                    self.watch.start()
                trainer.should_stop = self.watch.enough

        self._job = job
        self._module: Any = Classifier()
        self._batches = training_batches(job)
        self._trainer_of, self._callback_of = Trainer, EndOfEpoch

    @property
    def model(self) -> nn.Module:
        made: nn.Module = self._module.model
        return made

    def first_step(self) -> None:
        self._fit(max_steps=1)

    def train(self, watch: Stopwatch) -> None:
        images = len(self._batches) * self._job.batch_size
        self._fit(max_epochs=-1, callbacks=[self._callback_of(watch, images)])

    def _fit(self, **more: Any) -> None:
        device = torch.device(self._job.device)
        gpu = device.type == "cuda"
        trainer = self._trainer_of(
            accelerator="gpu" if gpu else "cpu",
            devices=[device.index or 0] if gpu else 1,
            precision="bf16-mixed" if self._job.amp == "bf16" else "32-true",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            **more,
        )
        trainer.fit(self._module, self._batches)

    def close(self) -> None:
        self._module = self._batches = None
