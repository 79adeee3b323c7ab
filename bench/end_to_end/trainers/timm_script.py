"""timm's parts as its own training script puts them together: loader, model, optimizer, loss.

Source: train.py of the pytorch-image-models repository, without what it logs and saves.
"""

from __future__ import annotations

from torch import nn

from headrace.bench.end_to_end.our_run import LEARNING_RATE, MOMENTUM, WEIGHT_DECAY
from headrace.bench.end_to_end.trainer_under_test import (
    ScriptTrainer,
    TrainerJob,
)
from headrace.bench.loading.peers.timm_loader import training_loader


def open_trainer(job: TrainerJob) -> ScriptTrainer:
    """timm's trainer; its loader's prefetcher normalises, on a GPU on a stream of its own.

    Raises:
        MissingPackageError: if timm is not installed.
    """
    batches = training_loader(job.loader_job("timm"))  # says what is missing, before it is asked
    import timm
    from timm.optim import create_optimizer_v2

    model: nn.Module = timm.create_model(job.model, num_classes=job.num_classes).to(job.device)
    optimizer = create_optimizer_v2(
        model, opt="sgd", lr=LEARNING_RATE, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY
    )
    return ScriptTrainer(batches, job, model, optimizer, nn.CrossEntropyLoss())
