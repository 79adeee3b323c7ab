"""The usual course script: images are opened and changed in the training process, Adam.

Written after what the Food-11 homework of a machine-learning course asks for, as its loader is.
"""

from __future__ import annotations

import torch
from torch import nn

from headrace.augment.preprocess import Preprocess
from headrace.bench.end_to_end.trainer_under_test import ScriptTrainer, TrainerJob
from headrace.bench.end_to_end.trainers.torchvision_recipe import torchvision_model
from headrace.bench.loading.peers.course_script import training_loader

LEARNING_RATE, WEIGHT_DECAY, MOST_GRADIENT = 3e-4, 1e-5, 10.0


def open_trainer(job: TrainerJob) -> ScriptTrainer:
    """The script; the job's workers do not concern it."""
    model = torchvision_model(job)
    optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    return ScriptTrainer(
        training_loader(job.loader_job("course-script"), drop_last=True),
        job,
        model,
        optimizer,
        nn.CrossEntropyLoss(),
        lambda: nn.utils.clip_grad_norm_(model.parameters(), MOST_GRADIENT),
        Preprocess(mean=(0.0,) * 3, std=(1.0,) * 3),  # its tensors are in 0..1
    )
