"""A run's evaluation after each epoch."""

from __future__ import annotations

from headrace.pipeline.errors import Interrupted
from headrace.train.evaluation.inference import gather, infer
from headrace.train.evaluation.scoring import Scores, score
from headrace.train.folder.save import save_last
from headrace.train.processes.stop import StopRequest
from headrace.train.state import Run


def evaluate(run: Run, stop: StopRequest) -> Scores | None:
    """Scores the validation split; None where there is none.

    Raises:
        Interrupted: after saving, when asked to stop.
    """
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
