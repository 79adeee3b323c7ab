"""The training loop: fetch, augment, step, maybe log, maybe evaluate, maybe save."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from typing import Any

from headrace.pipeline.errors import Interrupted
from headrace.train.display import bar_text, progress_bar
from headrace.train.evaluation.held_out import evaluate
from headrace.train.folder.save import save_best, save_last
from headrace.train.guard import guarded
from headrace.train.hooks import Hook
from headrace.train.log import log_epoch, log_steps
from headrace.train.processes.stop import StopRequest
from headrace.train.progress import Progress
from headrace.train.state import Run
from headrace.train.step import optimise


def train(run: Run, stop: StopRequest) -> None:
    """Trains to the end, or until `stop` is requested.

    Raises:
        Interrupted: after saving, when asked to stop.
        Diverged: when the loss or a weight is not a number; last.pt stays as it was.
        OutOfMemory, NotDeterministic: saying what to try.
    """
    while not finished(run.progress, run.config.optim.epochs, run.hooks):
        with guarded(run, "training", training=True):
            train_epoch(run, stop)
        with guarded(run, "evaluation", training=False):
            scores = evaluate(run, stop)
        best = scores is not None and run.progress.record(scores.deciding(run.config.optim.best_by))
        log_epoch(run, scores, best)
        run.epoch_time.begin()  # before saving, which is the next epoch's: its line is written
        run.progress.next_epoch()
        if best or scores is None:
            save_best(run, scores)
        save_last(run)


def finished(progress: Progress, epochs: int, hooks: Iterable[Hook]) -> bool:
    """Whether all epochs are done, or a hook wants no more of them."""
    return progress.epoch >= epochs or any(hook.wants_end(progress) for hook in hooks)


def train_epoch(run: Run, stop: StopRequest) -> None:
    """The rest of the running epoch, from `run.progress.step` on."""
    progress, clock, runtime = run.progress, run.clock, run.config.runtime
    run.freezing.begin(progress.epoch)
    run.model.train()
    window = clock.snapshot()
    batches: Any = run.train_loader.epoch(progress.epoch, start=progress.step)
    bar = progress_bar(
        progress.epoch,
        run.config.optim.epochs,
        progress.step,
        run.steps_per_epoch,
        shown=run.world.is_main,
    )
    with closing(batches), bar:
        while progress.step < run.steps_per_epoch:
            with clock.phase("data"):
                batch = next(batches)
            with clock.phase("augment"):
                images, targets = run.augmenter(batch.images, batch.labels)
            with clock.phase("step"):
                optimise(run, images, targets)
            progress.next_step()
            for hook in run.hooks:
                hook.after_step(progress)
            bar.update()
            last = progress.step == run.steps_per_epoch
            log = last or progress.step % runtime.log_every == 0
            if log:
                bar.set_postfix_str(bar_text(log_steps(run, window)))
                window = clock.snapshot()
            if stop.agreed(run.world, run.device, together=log):
                save_last(run)
                raise Interrupted
            if runtime.save_every and progress.step % runtime.save_every == 0 and not last:
                save_last(run)
