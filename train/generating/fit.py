"""Trains a generator: the loop, its run folder, and how it goes on."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from headrace.pipeline.command_line import called
from headrace.pipeline.errors import ConfigError, Interrupted
from headrace.pipeline.flat_settings import to_flat
from headrace.pipeline.loader import open_loader
from headrace.pipeline.outliving import outliving_readers
from headrace.pipeline.planned import PlannedLoader
from headrace.pipeline.records import Records
from headrace.train.clock import Clock, difference, speeds, spell
from headrace.train.data.inputs import data_fingerprint
from headrace.train.data.labels import check_labels
from headrace.train.device.amp import Precision, choose_precision
from headrace.train.device.own_defaults import torch_defaults
from headrace.train.display import progress_bar, time_line
from headrace.train.folder.folder_lock import FolderLock
from headrace.train.folder.journal import Journal
from headrace.train.folder.resume import hold_earlier, other_samples
from headrace.train.folder.run_folder import (
    begin_folder,
    check_place,
    next_folder,
    write_settings,
)
from headrace.train.generating.continuing import continued, read_last
from headrace.train.generating.fit_state import Fit, not_a_number, restore, save
from headrace.train.generating.kind import Shape, as_input, as_pixels
from headrace.train.generating.kinds import start_training
from headrace.train.generating.settings import FitConfig, dump_yaml
from headrace.train.introduction import circumstances_row
from headrace.train.next_lines import to_draw
from headrace.train.processes.stop import StopRequest
from headrace.train.processes.world import only_process
from headrace.train.step import step_seed
from headrace.train.verdict import shares

_PHASES = {
    "data": "data",
    "step": "step",
    "evaluate": "previews",
    "save": "save",
}
_PREVIEW, _PREVIEW_GUIDANCE, _PREVIEW_STEPS = 64, 2.0, 10


@torch_defaults()
def fit(config: FitConfig) -> Path:
    """Trains a generator, or goes on with one, to its last epoch or until --max-minutes are over.

    Settings that go on with one are all of its own, see `continuing.earlier_settings`, but for what
    is free to change.

    A training that its time ends is saved after that step and has a last row in its log as one that
    did all its epochs; resumed with more minutes, it goes on to the same weights. As of
    `run_training`, a signal stops it in the main thread alone.

    Returns:
        The run folder.

    Raises:
        HeadraceError: for data that cannot be learnt from, a folder that holds something else, or
            settings that cannot work.
        Interrupted: after saving, when asked to stop.
    """
    with ExitStack() as resources:
        resources.enter_context(outliving_readers())
        run = _open(config, resources)
        with StopRequest() as stop:
            while run.epoch < run.config.epochs and _train_epoch(run, stop):
                pass
        _finish(run)
        return run.folder.folder


def _open(config: FitConfig, resources: ExitStack) -> Fit:
    device = only_process(config.device)
    resources.enter_context(torch.random.fork_rng([device] if device.type == "cuda" else []))
    earlier, held = None, None
    if config.resume:
        held = resources.enter_context(hold_earlier(config.resume))
        earlier = read_last(config.resume)
        config = continued(config, earlier, held.folder)
    else:
        check_place(config.out, config.overwrite)
    if not config.data:
        raise ConfigError("no data: give --data FILE, a .beton file of real images")
    records = resources.enter_context(Records.open(config.data))
    classes = check_labels(records, config.train_split)
    precision = choose_precision(config.amp, device)
    fingerprint = data_fingerprint(records, (config.train_split,))
    if earlier is not None and earlier["data_fingerprint"] != fingerprint:
        raise other_samples(config.data)
    shape = Shape(
        kind=config.kind,
        network=config.network,
        classes=len(classes),
        size=config.size,
        width=config.width,
    )
    training = start_training(shape, config, precision)
    loader = resources.enter_context(_loader(config, records, device))
    if held is not None:
        write_settings(held, dump_yaml(config))
    folder = held or resources.enter_context(_new_folder(config))
    journal = Journal(
        folder.folder,
        enabled=True,
        tensorboard=True,
        resume_bytes=0 if earlier is None else earlier["log_bytes"],
        resume_step=0 if earlier is None else earlier["progress"]["step"],
    )
    resources.push(journal.close)
    run = Fit(
        config=config,
        folder=folder,
        classes=classes,
        shape=shape,
        loader=loader,
        training=training,
        fingerprint=fingerprint,
        device=device,
        clock=Clock(device),
        journal=journal,
    )
    if earlier is not None:
        restore(run, earlier)
    else:
        _tell_start(run, records, precision)
    _introduce(run, records, str(precision))
    return run


def _new_folder(config: FitConfig) -> FolderLock:
    return begin_folder(
        config.out,
        config.overwrite,
        lambda: next_folder(config.data, config.kind),
        lambda: dump_yaml(config),
    )


def _tell_start(run: Fit, records: Records, precision: Precision) -> None:
    """The first row."""
    told = {
        "generator": dataclasses.asdict(run.shape),
        "images": len(records.select(run.config.train_split)),
        **circumstances_row(precision, run.loader.name, run.num_weights),
        "config": to_flat(run.config),
    }
    run.journal.row("start", told)


def _finish(run: Fit) -> None:
    """The last row and the last lines."""
    seconds, folder = run.clock.snapshot(), run.folder.folder
    found = shares(seconds)
    done = run.epoch == run.config.epochs
    row = {"epoch": run.epoch, "step": run.step, "reason": "epochs" if done else "max_minutes"}
    run.journal.row("end", {**row, "seconds": seconds, "shares": found})
    print(f"{run.epoch} epochs, {run.step} steps in {spell(seconds['total'])}")
    if not done:
        again = called("generate", "fit", "--resume", folder)
        print(
            f"ended by --max-minutes {run.config.max_minutes:g}, {run.epoch} of "
            f"{run.config.epochs} epochs are done; go on with "
            f"`{again} --max-minutes {2 * (run.config.max_minutes or 0):g}`"
        )
    print(time_line(found, _PHASES))
    print(f"run folder: {folder}")
    print(to_draw(folder))


def _introduce(run: Fit, records: Records, precision: str) -> None:
    count = len(records.select(run.config.train_split))
    print(f"data: {run.config.data}, {count} images of {len(run.classes)} classes")
    weights = f"{run.num_weights / 1e6:.2f} M parameters"
    print(f"generator: {run.shape.kind}, {weights}, {run.shape.size} px")
    print(f"device: {run.device}, precision {precision}")
    if run.epoch:
        print(f"goes on after epoch {run.epoch}")


def _loader(config: FitConfig, records: Records, device: torch.device) -> PlannedLoader:
    count = len(records.select(config.train_split))
    if count < config.batch_size:
        raise ConfigError(
            f"--batch-size {config.batch_size} leaves no whole batch: split {config.train_split!r} "
            f"has {count} samples; take a smaller batch"
        )
    return open_loader(
        records,
        split=config.train_split,
        size=config.size,
        geometry="centre",
        flip=config.flip,
        batch_size=config.batch_size,
        seed=config.seed,
        tail="drop",
        device=device,
        **to_flat(config.decode),
    )


def _train_epoch(run: Fit, stop: StopRequest) -> bool:
    """Trains to the end of an epoch; returns whether there is time for more."""
    steps, clock = len(run.loader), run.clock
    batches: Any = run.loader.epoch(run.epoch, start=run.step - run.epoch * steps)
    window, since = clock.snapshot(), 0
    sums: dict[str, Tensor] = {}
    bar = progress_bar(run.epoch, run.config.epochs, run.step - run.epoch * steps, steps)
    with closing(batches), bar:
        while run.step < (run.epoch + 1) * steps:
            with clock.phase("data"):
                batch = next(batches)
            with clock.phase("step"):
                losses = _step(run, batch.images, batch.labels)
            for name, loss in losses.items():
                sums[name] = sums.get(name, 0) + loss
            run.step, since = run.step + 1, since + 1
            bar.update()
            last = run.step == (run.epoch + 1) * steps
            if last or run.step % run.config.log_every == 0:
                row = _log(run, sums, since, difference(clock.snapshot(), window))
                bar.set_postfix_str(f"loss {row['loss']:.4f}, {row['images_per_s']:.0f} images/s")
                window, sums, since = clock.snapshot(), {}, 0
            if stop.requested and not last:
                save(run)
                raise _interrupted(run, f"at step {run.step}")
            if run.out_of_time and not last:
                if since:
                    _log(run, sums, since, difference(clock.snapshot(), window))
                save(run)
                return False
    run.epoch += 1
    print(f"epoch {run.epoch}/{run.config.epochs}: {_told(row)}")
    done, late = run.epoch == run.config.epochs, run.out_of_time
    if run.epoch % run.config.save_every == 0 or done or late or stop.requested:
        save(run)
        with clock.phase("evaluate"):
            _show(run)
    if stop.requested and not done:
        raise _interrupted(run, f"after epoch {run.epoch}")
    return not late


def _interrupted(run: Fit, where: str) -> Interrupted:
    again = called("generate", "fit", "--resume", run.folder.folder)
    return Interrupted(f"saved {where}; go on with `{again}`")


def _step(run: Fit, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
    # As in a classifier's training, a step's noise is a function of seed and step alone.
    torch.manual_seed(step_seed(run.config.seed, 0, run.step))
    rate = run.config.rate * min(1.0, (run.step + 1) / max(1, run.config.warmup_steps))
    return run.training.step(as_input(images), labels, rate)


def _log(
    run: Fit, sums: Mapping[str, Tensor], count: int, spent: Mapping[str, float]
) -> dict[str, float]:
    row = {name: float(value) / count for name, value in sums.items()}
    if not all(map(math.isfinite, row.values())):
        raise not_a_number(run, "the loss")
    run.clock.collect()
    row |= speeds(count * run.config.batch_size, spent)
    run.journal.row("steps", {"epoch": run.epoch, "step": run.step, **row})
    run.journal.curves("fit", run.step, row)
    return row


def _told(row: Mapping[str, float]) -> str:
    losses = [f"{name} {value:.4f}" for name, value in row.items() if name not in _SPEEDS]
    return (
        ", ".join(losses)
        + f"; {row['images_per_s']:.0f} images/s, data wait "
        + (f"{row['data_wait']:.1%}")
    )


_SPEEDS = ("images_per_s", "data_wait")


def _show(run: Fit) -> None:
    """Images of the first classes, always of the same noise, into TensorBoard."""
    if run.journal.events is None:
        return
    source = torch.Generator().manual_seed(run.config.seed)
    noise = torch.randn(_PREVIEW, *run.training.drawn.noise_shape, generator=source)
    labels = torch.arange(_PREVIEW) % len(run.classes)
    made = run.training.drawn.draw(
        noise.to(run.device), labels.to(run.device), _PREVIEW_GUIDANCE, _PREVIEW_STEPS
    )
    run.journal.events.add_images("drawn", as_pixels(made).cpu(), run.step)
