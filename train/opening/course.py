"""Fourth stage: the batches of an epoch, and what changes in the course of the epochs."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.pipeline.planned import PlannedLoader
from headrace.train.averages.average import Average
from headrace.train.data.inputs import first_images, open_loaders
from headrace.train.models.whitening import whiten
from headrace.train.opening.learning import Learning
from headrace.train.opening.network import Network
from headrace.train.opening.samples import Samples
from headrace.train.opening.start import Start
from headrace.train.schedules.build import build_schedule, run_span
from headrace.train.schedules.warmup import Warmed


@dataclass(frozen=True, kw_only=True)
class Course:
    """The way of a run from its first step to its last.

    Attributes:
        train_loader, val_loader: batches to learn from and to measure on; None of nothing.
        steps_per_epoch: how many of the first.
        schedule: the learning rate of a step.
        average: of the weights, over the steps.
    """

    train_loader: PlannedLoader
    val_loader: PlannedLoader | None
    steps_per_epoch: int
    schedule: Warmed
    average: Average


def plan_course(samples: Samples, network: Network, learning: Learning, start: Start) -> Course:
    """Opens the loaders, which may decode for minutes, and counts their batches."""
    config, model = samples.config, network.model
    train_loader, val_loader = open_loaders(
        config, samples.records, start.world, start.device, start.resources, start.say
    )
    # Given weights go with the whitening that they were trained behind.
    if network.spec.whitening and start.is_new and not config.model.weights:
        whiten(model, first_images(train_loader, network.preprocess))
    num_steps = min(len(train_loader), config.data.limit_batches or len(train_loader))
    span = run_span(learning.rated, num_steps)
    return Course(
        train_loader=train_loader,
        val_loader=val_loader,
        steps_per_epoch=num_steps,
        schedule=build_schedule(learning.rated, span),
        average=config.optim.build("average", model, span),
    )
