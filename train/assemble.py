"""Everything a run needs, built from its settings in the order in which the data flows."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch

from headrace.pipeline.crops.size_schedule import stretched_line
from headrace.train.clock import Clock, Lap
from headrace.train.folder.folder_lock import FolderLock
from headrace.train.folder.journal import Journal
from headrace.train.folder.parts import restore
from headrace.train.hooks.build import hooks_of
from headrace.train.introduction import introduce
from headrace.train.metrics.meter import Meter
from headrace.train.opening.compiled import compile_both
from headrace.train.opening.course import plan_course
from headrace.train.opening.learning import prepare_learning
from headrace.train.opening.network import build_network
from headrace.train.opening.samples import open_samples
from headrace.train.opening.start import Start
from headrace.train.processes.world import World
from headrace.train.progress import Progress
from headrace.train.schedules.longer import kept_on, rate_line
from headrace.train.settings.config import RunConfig
from headrace.train.settings.config_file import from_flat
from headrace.train.settings.optim import OptimConfig
from headrace.train.state import Run
from headrace.train.trackers import check_tracker


def open_run(
    config: RunConfig,
    checkpoint: dict[str, Any] | None,
    *,
    take_folder: Callable[[RunConfig], FolderLock],
    world: World,
    device: torch.device,
    resources: ExitStack,
    say: Callable[[str], None],
) -> Run:
    """Builds a run, or continues the one that `checkpoint` was taken of.

    Args:
        config: its settings.
        checkpoint: the content of a last.pt, or None for a new run.
        take_folder: gets the run folder ready for the settings that it is given, locked for this
            run; called on rank 0 alone, and only once the data is known to be sound.
        world: the processes of the run.
        device: where it computes.
        resources: gets everything that has to be closed.
        say: shows a line to the user.

    Raises:
        HeadraceError: for data that cannot be learnt from, or settings that cannot work.
    """
    check_tracker(config.runtime.log)
    start = Start(checkpoint=checkpoint, world=world, device=device, resources=resources, say=say)
    samples = open_samples(config, start)
    config = samples.config
    # What the settings alone decide comes before the data is decoded, which may take minutes.
    network = build_network(samples, start)
    learning = prepare_learning(samples, network, start)
    course = plan_course(samples, network, learning, start)
    model, precision = network.model, network.precision
    compiled = compile_both(
        model, learning.augmenter, config, world, precision, course.train_loader
    )
    lock = world.on_main(lambda: take_folder(config))
    journal = open_journal(lock, config, checkpoint or {}, world, resources)
    clock = Clock(device)
    run = Run(
        config=config,
        folder=journal.folder,
        lock=lock,
        world=world,
        precision=precision,
        records=samples.records,
        fingerprint=samples.fingerprint,
        classes=samples.classes,
        train_loader=course.train_loader,
        val_loader=course.val_loader,
        preprocess=network.preprocess,
        augmenter=compiled.augmenter,
        spec=network.spec,
        model=model,
        freezing=network.freezing,
        forward=compiled.forward,
        loss=learning.loss,
        teachers=learning.teachers,
        objective=config.optim.build("objective", model),
        optimizer=learning.optimizer,
        schedule=course.schedule,
        average=course.average,
        scaler=precision.scaler(),
        meter=Meter(device),
        progress=Progress(),
        clock=clock,
        epoch_time=Lap(clock),
        journal=journal,
        hooks=(),
        steps_per_epoch=course.steps_per_epoch,
    )
    run.hooks = hooks_of(run, course.schedule.after, start.epochs_done, resources, say)
    if checkpoint is not None:
        go_on(run, checkpoint, learning.rated, say)
    introduce(run, compiled.forward_line, compiled.augmenter_line, say)
    return run


def go_on(
    run: Run, checkpoint: dict[str, Any], rated: OptimConfig, say: Callable[[str], None]
) -> None:
    """Puts a run where its checkpoint was taken, and says what more epochs change of its course.

    Args:
        run: just opened.
        checkpoint: the content of a last.pt.
        rated: the settings of its optimizer for its batches.
        say: shows a line to the user.
    """
    data, epochs = run.config.data, run.config.optim.epochs
    before = from_flat(checkpoint["config"], "the checkpoint").optim
    kept = kept_on(checkpoint.get("hooks", {}), run.schedule, before, run.config.optim)
    restore(run, {**checkpoint, "hooks": kept})
    words = data.crop.size_schedule
    if line := stretched_line(words, before.epochs, epochs, run.progress.epoch):
        say(line)
    before = before.for_batches(data.batch_size)
    if line := rate_line(before, rated, run.steps_per_epoch, run.progress.global_step):
        say(line)


def open_journal(
    lock: FolderLock | None,
    config: RunConfig,
    checkpoint: dict[str, Any],
    world: World,
    resources: ExitStack,
) -> Journal:
    """The run's journal, cut back to where the checkpoint was taken; rank 0 alone writes one."""
    folder = Path(world.broadcast("" if lock is None else str(lock.folder)))
    journal = world.on_main(
        lambda: Journal(
            folder,
            enabled=True,
            tensorboard=config.runtime.tensorboard,
            resume_bytes=checkpoint.get("log_bytes", 0),
            resume_step=checkpoint.get("progress", {}).get("global_step", 0),
        )
    )
    if journal is None:
        journal = Journal(folder, enabled=False, tensorboard=False)
    resources.push(journal.close)
    return journal
