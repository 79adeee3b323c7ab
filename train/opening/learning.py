"""Third stage: what a step does besides the model's passes: teachers, augmentation, loss, moves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from headrace.augment import Augmenter, Preprocess, build_augmenter
from headrace.train.device.amp import Precision
from headrace.train.device.compiling import check_augmenter
from headrace.train.losses.build import build_loss
from headrace.train.losses.open_teachers import check_same_teachers, open_teachers
from headrace.train.losses.teachers import Teachers
from headrace.train.opening.network import Network
from headrace.train.opening.samples import Samples
from headrace.train.opening.start import Start
from headrace.train.optimizers.build import build_optimizer
from headrace.train.processes.world import World
from headrace.train.settings.config import RunConfig
from headrace.train.settings.optim import OptimConfig


@dataclass(frozen=True, kw_only=True)
class Learning:
    """How the network learns from a batch.

    Attributes:
        teachers: who answer about it, if any.
        augmenter: at the beginning of its random stream.
        rated: the settings of the optimizer, with the rates for batches of this size.
        optimizer: of all weights that are ever trained.
        loss: of logits, targets and what the teachers answer.
    """

    teachers: Teachers
    augmenter: Augmenter
    rated: OptimConfig
    optimizer: torch.optim.Optimizer
    loss: Callable[[Tensor, Tensor, Tensor | None], Tensor]


def prepare_learning(samples: Samples, network: Network, start: Start) -> Learning:
    """Builds what the settings alone decide, and freezes what is not trained yet.

    Raises:
        HeadraceError: for settings that cannot work.
    """
    config, precision, preprocess = samples.config, network.precision, network.preprocess
    optim, classes = config.optim, samples.classes
    teachers = open_teachers(config, classes, preprocess, precision, start.say)
    if start.checkpoint is not None:
        before_them = start.checkpoint.get("teachers", "")
        check_same_teachers(teachers.fingerprint, before_them, optim.distill.teacher)
    augmenter = seeded_augmenter(config, len(classes), preprocess, precision, start.world)
    batch_size, train_split = config.data.batch_size, config.data.train_split
    rated = optim.for_batches(batch_size)
    if line := optim.scaling.line(optim.peak_lr, batch_size):
        start.say(line)
    optimizer = build_optimizer(network.model, rated)
    network.freezing.begin(start.epochs_done)  # not before the optimizer knows all weights
    return Learning(
        teachers=teachers,
        augmenter=augmenter,
        rated=rated,
        optimizer=optimizer,
        loss=build_loss(optim, samples.records, train_split, len(classes), start.device),
    )


def seeded_augmenter(
    config: RunConfig,
    num_classes: int,
    preprocess: Preprocess,
    precision: Precision,
    world: World,
) -> Augmenter:
    """The recipe's augmenter, with a random stream of its own on every process.

    Raises:
        ConfigError: for a recipe that cannot work on each of the sizes of --size-schedule.
    """
    crop = config.data.crop
    augmenter = build_augmenter(
        config.model.recipe,
        num_classes=num_classes,
        seed=(config.runtime.seed + 0x9E3779B9 * world.rank) % 2**63,
        preprocess=preprocess,
        device=precision.device,
        dtype=precision.dtype,
        pixels_of=crop.pixels_of,
    )
    if crop.size_schedule:
        check_augmenter(augmenter, crop.shapes)
    return augmenter
