"""A run's evaluation after each epoch."""

from __future__ import annotations

from headrace.pipeline.errors import Interrupted
from headrace.train.evaluation.fresh_norms import freshen
from headrace.train.evaluation.inference import gather, infer
from headrace.train.evaluation.scoring import Scores, score
from headrace.train.folder.save import save_last
from headrace.train.processes.stop import StopRequest
from headrace.train.state import Run


def evaluate(run: Run, stop: StopRequest) -> Scores | None:
    """Scores the validation split with the weights that are judged; None where there is none.

    Raises:
        Interrupted: after saving, when asked to stop.
    """
    model = run.average.model

    def asked() -> bool:
        return stop.agreed(run.world, run.device, together=False)

    def leave() -> None:
        # The position is the end of the epoch, so a resumed run starts with this evaluation.
        save_last(run)
        raise Interrupted

    def leave_early() -> None:
        if asked():
            leave()

    with run.clock.phase("evaluate"):
        if run.average.stale_norms and not freshen(run, model, asked):
            leave()
        if run.val_loader is None:
            return None
        run.world.same_buffers(model)
        outcome = infer(
            model,
            run.val_loader,
            run.preprocess,
            run.precision,
            on_batch=leave_early,
        )
        everything = gather(outcome, run.world)
        # By one process: the areas under the curve of many classes take all cores for seconds.
        scores = run.world.on_main(lambda: score(everything, len(run.classes)))
        return run.world.broadcast(scores)
