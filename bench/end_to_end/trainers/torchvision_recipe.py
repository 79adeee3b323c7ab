"""torchvision's reference recipe for classification: ImageFolder, DataLoader, SGD.

Source: references/classification of the torchvision repository, without its metrics.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader

from headrace.bench.end_to_end.our_run import LEARNING_RATE, MOMENTUM, WEIGHT_DECAY
from headrace.bench.end_to_end.trainer_under_test import (
    ScriptTrainer,
    TrainerJob,
)
from headrace.bench.loading.peers.image_folder import float_transform, folder_loader


def open_trainer(job: TrainerJob) -> ScriptTrainer:
    """The recipe with as many workers as the job says."""
    model = torchvision_model(job)
    optimizer = torch.optim.SGD(
        model.parameters(), LEARNING_RATE, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY
    )
    return ScriptTrainer(training_batches(job), job, model, optimizer, nn.CrossEntropyLoss())


def training_batches(job: TrainerJob) -> DataLoader:
    """(B, 3, S, S) float32 normalised images on the CPU, and their classes."""
    loading = job.loader_job("torchvision-pil")
    return folder_loader(loading, float_transform(loading), drop_last=True)


def torchvision_model(job: TrainerJob) -> nn.Module:
    """torchvision's model of that name, on the job's device."""
    from torchvision import models

    model: Any = models.get_model(job.model, num_classes=job.num_classes)
    made: nn.Module = model.to(job.device)
    return made
