"""The hooks of a run, from its settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack

from headrace.train.folder.run_folder import TEXT_NAME, TRACE_NAME
from headrace.train.hooks import Hook
from headrace.train.hooks.logbook import Logbook
from headrace.train.hooks.patience import Patience
from headrace.train.hooks.profiler import Profiler
from headrace.train.hooks.screen import Screen
from headrace.train.hooks.text_log import TextLog
from headrace.train.hooks.tracking import Tracking
from headrace.train.settings.config_file import to_flat
from headrace.train.state import Run
from headrace.train.trackers import About, open_tracker
from headrace.train.verdict import circumstances, verdict_line


def hooks_of(
    run: Run, after: object, done: int, resources: ExitStack, say: Callable[[str], None]
) -> tuple[Hook, ...]:
    """What watches a run, in the order in which it hears of each moment.

    Args:
        run: which run; its position is not restored yet.
        after: what follows its warm-up, which may be a hook.
        done: epochs that it goes on after.
        resources: gets what has to be closed.
        say: shows a line to the user.
    """
    optim, world = run.config.optim, run.world
    loaders = (run.train_loader, run.val_loader)

    def hint(found: Mapping[str, float]) -> str:
        return verdict_line(found, circumstances(run.config, run.records, loaders, world.size))

    hooks: list[Hook] = [
        Logbook(run.journal),
        TextLog(run.folder / TEXT_NAME if world.is_main else None, optim.epochs, done),
        Screen(optim.epochs, world.is_main, optim.best_by, hint),
        Patience(optim.patience),
    ]
    service = run.config.runtime.log
    if service != "none" and world.is_main:
        settings = to_flat(run.config)
        tracking = Tracking(
            service,
            lambda run_id: open_tracker(
                service, About(folder=run.folder, settings=settings, run_id=run_id)
            ),
            say,
        )
        resources.push(tracking.close)
        hooks.append(tracking)
    hooks += [part for part in (run.average, after) if isinstance(part, Hook)]
    if run.config.runtime.profile and world.is_main:
        steps = run.steps_per_epoch
        profiler = Profiler(run.folder / TRACE_NAME, run.clock, run.device, steps, say)
        resources.callback(profiler.close)
        hooks.append(profiler)
    return tuple(hooks)
