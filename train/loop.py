"""The training loop: fetch, augment, step, maybe log, maybe evaluate, maybe save."""

from __future__ import annotations

import math
from contextlib import closing
from typing import Any

import torch
from torch import nn
from torch.nn.utils import clip_grad_norm_

from headrace.pipeline.errors import FailedError, Interrupted
from headrace.train.assemble import Run
from headrace.train.clock import difference
from headrace.train.display import bar_text, epoch_line, progress_bar
from headrace.train.evaluate.inference import Scores, gather, infer, score
from headrace.train.folder.checkpoint import save_checkpoint
from headrace.train.folder.run_folder import BEST_NAME, LAST_NAME
from headrace.train.metrics.meter import classification_loss, to_totals
from headrace.train.processes.stop import StopRequest
from headrace.train.schedules.cosine import learning_rate
from headrace.train.settings.config_file import to_flat


class Diverged(FailedError):
    """The loss or the weights are no longer numbers."""


def train(run: Run, stop: StopRequest) -> None:
    """Trains to the end, or until `stop` is requested.

    Raises:
        Interrupted: after saving, when asked to stop.
        Diverged: when the loss or a weight is not a number; last.pt stays as it was.
    """
    config, progress, clock = run.config, run.progress, run.clock
    epochs, patience = config.optim.epochs, config.optim.patience
    log_every, save_every = config.runtime.log_every, config.runtime.save_every

    while not progress.finished(epochs, patience):
        run.model.train()
        if progress.step == 0:
            run.epoch_began = clock.snapshot()
        window = clock.snapshot()
        batches: Any = run.train_loader.epoch(progress.epoch, start=progress.step)
        bar = progress_bar(progress, epochs, run.steps_per_epoch, run.world.is_main)
        with closing(batches), bar:
            while progress.step < run.steps_per_epoch:
                with clock.phase("data"):
                    batch = next(batches)
                with clock.phase("augment"):
                    images, targets = run.augmenter(batch.images, batch.labels)
                with clock.phase("step"):
                    optimise(run, images, targets)
                progress.step += 1
                progress.global_step += 1
                bar.update()
                last = progress.step == run.steps_per_epoch
                log = last or progress.step % log_every == 0
                if log:
                    bar.set_postfix_str(log_step(run, window))
                    window = clock.snapshot()
                if stop.agreed(run.world, run.device, together=log):
                    save_last(run)
                    raise Interrupted
                if save_every and progress.step % save_every == 0 and not last:
                    save_last(run)

        scores = evaluate(run, stop)
        best = scores is not None and progress.record(scores.accuracy)
        log_epoch(run, scores, best)
        progress.next_epoch()
        if best or scores is None:
            save_best(run, scores)
        save_last(run)


def optimise(run: Run, images: torch.Tensor, targets: torch.Tensor) -> None:
    """One optimiser step; nothing in it waits for the device, save for fp16's inf check."""
    config, progress = run.config.optim, run.progress
    rate = learning_rate(
        progress.global_step,
        total_steps=run.total_steps,
        warmup_steps=run.warmup_steps,
        peak=config.peak_lr,
    )
    for group in run.optimizer.param_groups:
        group["lr"] = rate
    # Dropout's noise is a function of seed, process and step: loaders may draw from the global
    # generator as they like, and a resumed run needs no state of it.
    torch.manual_seed(step_seed(run.config.runtime.seed, run.world.rank, progress.global_step))
    with run.precision.autocast():
        logits = run.forward(images)
    loss = classification_loss(logits, targets, config.label_smoothing)
    run.scaler.scale(loss).backward()
    if config.clip_grad:
        run.scaler.unscale_(run.optimizer)
        clip_grad_norm_(run.model.parameters(), config.clip_grad)
    run.scaler.step(run.optimizer)  # fp16 only: reads whether a gradient overflowed, a sync point
    run.scaler.update()
    run.optimizer.zero_grad(set_to_none=True)
    run.meter.add(loss, logits, targets)


def step_seed(seed: int, rank: int, global_step: int) -> int:
    """A seed for one step of one process: multiplicative hashing keeps neighbours apart."""
    mixed = (seed * 0x9E3779B97F4A7C15 + rank * 0xBF58476D1CE4E5B9) ^ (
        (global_step + 1) * 0x94D049BB133111EB
    )
    return mixed % 2**63


def log_step(run: Run, window: dict[str, float]) -> str:
    """Reads the meter (a sync point) and logs the steps since `window` began."""
    totals = to_totals(run.world.sum(run.meter.sums.clone()))
    run.meter.clear()
    run.clock.collect()
    if not math.isfinite(totals.loss):
        raise Diverged(diverged(run, "the loss is not a number"))
    progress = run.progress
    progress.totals += totals
    spent = difference(run.clock.snapshot(), window)
    row = {
        "loss": totals.mean_loss,
        "accuracy": totals.accuracy,
        "lr": run.optimizer.param_groups[0]["lr"],
        "images_per_s": totals.count / max(1e-9, spent["total"] - spent["save"]),
        "data_wait": spent["data"] / max(1e-9, spent["total"]),
    }
    place = {"epoch": progress.epoch, "step": progress.step, "global_step": progress.global_step}
    run.journal.row("step", {**place, **row})
    run.journal.curves("train", progress.global_step, row)
    return bar_text(row)


def evaluate(run: Run, stop: StopRequest) -> Scores | None:
    """Scores the validation split; None where there is none."""
    if run.val_loader is None:
        return None

    def leave_early() -> None:
        # The position is the end of the epoch, so a resumed run starts with this evaluation.
        if stop.agreed(run.world, run.device, together=False):
            save_last(run)
            raise Interrupted

    with run.clock.phase("evaluate"):
        run.world.same_buffers(run.model)
        outcome = infer(
            run.model,
            run.val_loader,
            run.preprocess,
            run.precision,
            limit_batches=run.config.data.limit_batches,
            on_batch=leave_early,
        )
        return score(gather(outcome, run.world), len(run.classes))


def log_epoch(run: Run, scores: Scores | None, best: bool) -> None:
    """One row and one line for a finished epoch."""
    progress = run.progress
    spent = difference(run.clock.snapshot(), run.epoch_began)
    training = spent["total"] - spent["evaluate"] - spent["save"]
    row: dict[str, Any] = {
        "epoch": progress.epoch,
        "global_step": progress.global_step,
        "lr": run.optimizer.param_groups[0]["lr"],
        "train_loss": progress.totals.mean_loss,
        "train_accuracy": progress.totals.accuracy,
        "images_per_s": progress.totals.count / max(1e-9, training),
        "data_wait": spent["data"] / max(1e-9, spent["total"]),
        "seconds": spent["total"],
    }
    if scores is not None:
        row["val_loss"] = scores.loss
        row["val_accuracy"] = scores.accuracy
        row["val_macro_accuracy"] = scores.macro_accuracy
        curves = {"loss": scores.loss, "accuracy": scores.accuracy}
        run.journal.curves("val", progress.global_step, curves)
    run.journal.row("epoch", row)
    if run.world.is_main:
        print(epoch_line(row, run.config.optim.epochs, best), flush=True)


def save_best(run: Run, scores: Scores | None) -> None:
    """Writes best.pt: the weights and what is needed to use them."""
    with run.clock.phase("save"):
        check_weights(run)
        if run.world.is_main:
            write_checkpoint(run, BEST_NAME, describe(run, scores))


def save_last(run: Run) -> None:
    """Writes last.pt: everything that a resumed run needs. All processes take part."""
    with run.clock.phase("save"):
        check_weights(run)
        own = {"augmenter": run.augmenter.state_dict(), "meter": run.meter.sums.cpu()}
        ranks = run.world.gather(own)
        if not run.world.is_main:
            return
        state = {
            "optimizer": run.optimizer.state_dict(),
            "scaler": run.scaler.state_dict(),
            "progress": run.progress.to_dict(),
            "ranks": ranks,
            "seconds": run.clock.snapshot(),
            "epoch_began": run.epoch_began,
            "log_bytes": run.journal.position_bytes(),
            "data_fingerprint": run.fingerprint,
        }
        write_checkpoint(run, LAST_NAME, {**describe(run, None), **state})


def write_checkpoint(run: Run, name: str, content: dict[str, Any]) -> None:
    """Writes into the run folder, if it still is this run's; on rank 0, which holds it."""
    if run.lock is not None:
        run.lock.check()
    save_checkpoint(run.folder / name, content)


def describe(run: Run, scores: Scores | None) -> dict[str, Any]:
    """The keys of every checkpoint; see train/checkpoint.py."""
    progress = run.progress
    return {
        "model": run.spec.to_dict(),
        "classes": list(run.classes),
        "preprocess": run.preprocess.to_dict(),
        "config": to_flat(run.config),
        "scores": {
            "epoch": progress.epoch,
            "global_step": progress.global_step,
            "accuracy": None if scores is None else scores.accuracy,
        },
        "weights": run.model.state_dict(),
    }


def check_weights(run: Run) -> None:
    """Refuses to save weights that are not numbers over ones that are (a sync point)."""
    if not weights_finite(run.model):
        raise Diverged(diverged(run, "a weight is not a number"))


def weights_finite(model: nn.Module) -> bool:
    """Whether every parameter is a finite number."""
    sums = [parameter.detach().float().sum() for parameter in model.parameters()]
    return bool(torch.stack(sums).isfinite().all())


def diverged(run: Run, what: str) -> str:
    """Tells the user what is left and what to try."""
    kept = " and ".join(n for n in (LAST_NAME, BEST_NAME) if (run.folder / n).exists())
    left = f"{kept} in {run.folder} stay as they were" if kept else "nothing was saved yet"
    return (
        f"{what} at epoch {run.progress.epoch + 1}, step {run.progress.step}; {left}; "
        f"try a lower --lr (now {run.config.optim.peak_lr:g}), more --warmup-epochs or --amp off"
    )
