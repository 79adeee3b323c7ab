"""Everything a run needs, built from its settings in the order in which the data flows."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from headrace.augment import Augmenter, Preprocess, build_augmenter
from headrace.pipeline.crops.size_schedule import stretched_line
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.planned import PlannedLoader
from headrace.pipeline.records import Records
from headrace.train.clock import Clock, Lap
from headrace.train.data.geometry import settle_crop
from headrace.train.data.inputs import (
    data_fingerprint,
    first_images,
    open_loaders,
)
from headrace.train.data.labels import check_held_out, check_labels
from headrace.train.data.normalisation import make_preprocess
from headrace.train.device.amp import Precision, choose_precision
from headrace.train.device.compiling import (
    check_augmenter,
    check_graphs,
    compile_augmenter,
    compile_model,
)
from headrace.train.device.cpu_bf16 import defined_gradients
from headrace.train.folder.folder_lock import FolderLock
from headrace.train.folder.journal import Journal
from headrace.train.folder.other_world import other_world_line
from headrace.train.folder.parts import restore
from headrace.train.folder.resume import check_resumable
from headrace.train.hooks.build import hooks_of
from headrace.train.introduction import introduce
from headrace.train.losses.build import build_loss
from headrace.train.losses.open_teachers import check_same_teachers, open_teachers
from headrace.train.metrics.meter import Meter
from headrace.train.models.adapters import add_adapters
from headrace.train.models.build import starting_model
from headrace.train.models.checkpointing import checkpoint_activations
from headrace.train.models.sizes import check_batch_norm, check_sizes
from headrace.train.models.spec import ModelSpec, spec_of
from headrace.train.models.whitening import whiten
from headrace.train.optimizers.build import build_optimizer
from headrace.train.optimizers.freezing import Freezing
from headrace.train.processes.sync_norms import sync_norms
from headrace.train.processes.world import World
from headrace.train.progress import Progress
from headrace.train.schedules.build import build_schedule, run_span
from headrace.train.schedules.longer import rate_line
from headrace.train.settings.config import RunConfig
from headrace.train.settings.config_file import from_flat
from headrace.train.state import Run
from headrace.train.step import part_rows
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
    records, classes = open_records(config, resources)
    if checkpoint is None:
        config = settle_crop(config, records, say)
    data, optim = config.data, config.optim
    fingerprint = data_fingerprint(records, (data.train_split, data.val_split), data.sampling)
    if checkpoint is not None:
        check_resumable(checkpoint, config, fingerprint)
        if line := other_world_line(len(checkpoint["ranks"]), world.size, data, records):
            say(line)
    precision = choose_precision(config.runtime.amp, device)
    check_graphs(config.runtime.compile, device, world.size)
    preprocess = make_preprocess(config.model, data.crop, records, checkpoint, say)

    # What the settings alone decide comes before the data is decoded, which may take minutes.
    spec = spec_of(config.model, len(classes), data.crop.side(train=True))
    model = seeded_model(spec, config, checkpoint is None, device, say)
    if config.model.sync_bn:
        model = sync_norms(model, world, device)
    freezing = Freezing(model, optim.freeze, say)
    check_batch_norm(model, data.batch_size // world.size, optim.accumulate)
    check_sizes(model, data.crop, device)
    precision = defined_gradients(precision, model, data.crop.shapes, config.runtime.amp)
    teachers = open_teachers(config, classes, preprocess, precision, say)
    if checkpoint is not None:
        before_them = checkpoint.get("teachers", "")
        check_same_teachers(teachers.fingerprint, before_them, optim.distill.teacher)
    augmenter = seeded_augmenter(config, len(classes), preprocess, precision, world)
    rated = optim.for_batches(data.batch_size)
    if line := optim.scaling.line(optim.peak_lr, data.batch_size):
        say(line)
    optimizer = build_optimizer(model, rated)  # with all weights that are ever trained
    done = 0 if checkpoint is None else int(checkpoint["progress"]["epoch"])
    freezing.begin(done)
    loss = build_loss(optim, records, data.train_split, len(classes), device)
    train_loader, val_loader = open_loaders(config, records, world, device, resources, say)
    # Given weights go with the whitening that they were trained behind.
    if spec.whitening and checkpoint is None and not config.model.weights:
        whiten(model, first_images(train_loader, preprocess))
    steps_per_epoch = min(len(train_loader), data.limit_batches or len(train_loader))
    span = run_span(rated, steps_per_epoch)
    schedule, average = build_schedule(rated, span), optim.build("average", model, span)
    forward, compiled = make_forward(model, config, world, precision, train_loader)
    *smaller, last = data.crop.shapes
    shape = (batch_rows(train_loader), *last)
    augmenter, augmenter_compiled = compile_augmenter(
        augmenter, config.runtime.compile, shape, smaller
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
        records=records,
        fingerprint=fingerprint,
        classes=classes,
        train_loader=train_loader,
        val_loader=val_loader,
        preprocess=preprocess,
        augmenter=augmenter,
        spec=spec,
        model=model,
        freezing=freezing,
        forward=forward,
        loss=loss,
        teachers=teachers,
        objective=optim.build("objective", model),
        optimizer=optimizer,
        schedule=schedule,
        average=average,
        scaler=torch.amp.GradScaler(device.type, enabled=precision.scaled),
        meter=Meter(device),
        progress=Progress(),
        clock=clock,
        epoch_time=Lap(clock),
        journal=journal,
        hooks=(),
        steps_per_epoch=steps_per_epoch,
    )
    run.hooks = hooks_of(run, schedule.after, done, resources, say)
    if checkpoint is not None:
        restore(run, checkpoint)
        before = from_flat(checkpoint["config"], "the checkpoint").optim
        words, next_epoch = data.crop.size_schedule, run.progress.epoch
        if line := stretched_line(words, before.epochs, optim.epochs, next_epoch):
            say(line)
        before = before.for_batches(data.batch_size)
        if line := rate_line(before, rated, steps_per_epoch, run.progress.global_step):
            say(line)
    introduce(run, compiled, augmenter_compiled, say)
    return run


def open_records(config: RunConfig, resources: ExitStack) -> tuple[Records, tuple[str, ...]]:
    """The samples, which can be learnt from and measured on, and the names of their classes."""
    data = config.data
    if not data.data:
        raise ConfigError("no data: give --data FILE, a .beton file or an image folder")
    records = resources.enter_context(Records.open(data.data))
    classes = check_labels(records, data.train_split)
    check_held_out(records, data.val_split, len(classes), data.train_split)
    return records, classes


def seeded_model(
    spec: ModelSpec,
    config: RunConfig,
    is_new: bool,
    device: torch.device,
    say: Callable[[str], None],
) -> nn.Module:
    """The model on the device, with the weights that --seed, --pretrained or --weights give it."""
    torch.manual_seed(config.runtime.seed)  # the initial weights; the loop seeds every step anew
    settings = config.model
    model = starting_model(
        spec,
        pretrained=settings.pretrained and is_new,
        weights=settings.weights if is_new else "",
        say=say,
    )
    if config.optim.adapters:
        add_adapters(model, config.optim.adapters)
    if settings.activation_checkpointing:
        checkpoint_activations(model)
    return model.to(device, memory_format=torch.channels_last)


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


def make_forward(
    model: nn.Module,
    config: RunConfig,
    world: World,
    precision: Precision,
    loader: PlannedLoader,
) -> tuple[Callable[[Tensor], Tensor], str]:
    """The model as the loop calls it: wrapped for several processes, compiled where that works."""
    model.train()
    wrapped = model
    device = precision.device
    if world.size > 1:
        if config.optim.freeze.unfreeze_every:
            raise ConfigError(
                f"--unfreeze-every with {world.size} processes: they exchange the gradients of the "
                "weights that are trained at the start; take one process, or --train-last alone"
            )
        ids = [device.index] if device.type == "cuda" else None
        wrapped = nn.parallel.DistributedDataParallel(model, device_ids=ids)
    sizes = set(part_rows(batch_rows(loader), config.optim.accumulate))  # two, where uneven
    examples = [
        torch.zeros(rows, 3, *shape, dtype=precision.dtype, device=device).contiguous(
            memory_format=torch.channels_last
        )
        for shape in config.data.crop.shapes
        for rows in sorted(sizes, reverse=True)
    ]
    return compile_model(wrapped, config.runtime.compile, examples, precision)


def batch_rows(loader: PlannedLoader) -> int:
    """Samples in the first batch of an epoch, and so in all but the last."""
    places = loader.plan(0).batch_slice(0)
    return max(2, places.stop - places.start)
