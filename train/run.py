#!/usr/bin/env python3
"""Train a classifier.

    train/run.py --data food11.beton
    train/run.py --data food11.beton --loader dali --model timm:resnet18 --epochs 30
    train/run.py --preset food11-report --data food11.beton --epochs 30
    train/run.py --config run.yaml --lr 0.002
    train/run.py --resume runs/food11-resnet18-strided-1
    train/run.py --resume runs/food11-resnet18-strided-1 --epochs 40
    train/run.py --data food11.beton --val-fraction 0.2 --split-seed 1
    train/run.py --data food11.beton --folds 5 --out runs/folds
    train/run.py --data food11.beton --repeats 5 --out runs/seeds
    torchrun --nproc-per-node 4 train/run.py --data food11.beton

Writes a run folder: config.yaml, metrics.jsonl, log.txt, best.pt, last.pt, TensorBoard events, and
at the end report.html. Folds and repeats write one for each of their runs, and beside them
summary.json.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import torch

from headrace.pipeline.command_line import called, run_command
from headrace.pipeline.data_files import DataPath, read_data
from headrace.pipeline.drawn_parts import read_draw
from headrace.pipeline.errors import ConfigError, Finished, HeadraceError, Interrupted
from headrace.pipeline.json_file import check_json, write_json
from headrace.pipeline.outliving import outliving_readers
from headrace.pipeline.quiet import silence
from headrace.pipeline.split_names import split_called
from headrace.pipeline.wording import counted
from headrace.train.assemble import open_run
from headrace.train.command_line import AUTO, CommandLine, read_flags, with_out
from headrace.train.data.geometry import settled_as
from headrace.train.device.determinism import deterministic
from headrace.train.device.own_defaults import torch_defaults
from headrace.train.display import best_value, report
from headrace.train.folder.finished import finished_line
from headrace.train.folder.folder_lock import FolderLock
from headrace.train.folder.resume import (
    Earlier,
    begun_folder,
    check_data_found,
    check_out,
    check_same_run,
    check_same_settings,
    earlier_folder,
    hold_earlier,
    read_earlier,
    resume_command,
)
from headrace.train.folder.run_folder import (
    LOG_NAME,
    REPORT_NAME,
    check_folder,
    make_folder,
    numbered_folder,
    restart_folder,
    write_settings,
)
from headrace.train.guard import guarded_start
from headrace.train.loop import train
from headrace.train.media import show_end, show_start
from headrace.train.next_lines import to_predict
from headrace.train.processes.lost import ProcessLost, lost_line, lost_process
from headrace.train.processes.stop import StopRequest
from headrace.train.processes.world import World, join_world, leave_world
from headrace.train.reporting.run_log import read_log
from headrace.train.reporting.write import write_at_end, write_of_all
from headrace.train.settings.config import RunConfig
from headrace.train.settings.config_file import dump_yaml
from headrace.train.state import Run
from headrace.train.trials.carry_out import carry_out
from headrace.train.trials.folder import Trials
from headrace.train.verdict import circumstances, shares, verdict_line


def run_training(config: RunConfig, resume: str = "") -> Run:
    """Carries out one run from its settings to its last line.

    The first SIGINT, SIGTERM or SIGHUP lets it save and end where it is called in the main thread;
    in another thread it catches no signal, and none stops it.

    Args:
        config: what to do.
        resume: run folder or last.pt of the run to continue, "" for a new one, AUTO for that of
            --out if it has begun.

    Returns:
        The finished run; its loaders and files are closed.

    Raises:
        Finished: if the run to continue has nothing left to do, which has been said.
        Interrupted: after saving, when a signal asked it to stop.
    """
    # The one place where a run's threads and processes end, and always in this order, from the last
    # that was opened to the first: the group's wrapper, the profiler, the journal (TensorBoard's
    # writer), the loaders (their workers), the records, the group. The interpreter's end then finds
    # none of them.
    with ExitStack() as resources:
        resources.enter_context(outliving_readers())
        resources.enter_context(torch_defaults())
        resources.enter_context(deterministic(config.runtime.deterministic))
        world, device = join_world(config.runtime.device)
        resources.callback(leave_world)
        # Seeds are this run's affair: a caller's random numbers go on as if nothing had happened.
        devices = [device] if device.type == "cuda" else []
        resources.enter_context(torch.random.fork_rng(devices=devices))
        if not world.is_main:
            resources.enter_context(silence())  # rank 0 speaks for all
        config, checkpoint, take_folder = _begin(config, resume, world, resources)
        with guarded_start(config, device, world.size):
            run = open_run(
                config,
                checkpoint,
                take_folder=take_folder,
                world=world,
                device=device,
                resources=resources,
                say=_say,
            )
        if world.size > 1:
            # The wrapper would hold the group's threads for as long as the caller holds the run.
            resources.callback(setattr, run, "forward", run.model)
        media = config.runtime.tensorboard_media
        with StopRequest() as stop:
            try:
                if media:
                    show_start(run, _say)
                train(run, stop)
            except Interrupted:
                raise Interrupted(_how_to_resume(run, world)) from None
            except RuntimeError as error:
                if not lost_process(error, world):
                    raise
                raise ProcessLost(
                    lost_line(error, command_again(run.folder, world.size))
                ) from error
        if media:
            show_end(run, _say)
        finish(run)
        return run


def _begin(
    config: RunConfig, resume: str, world: World, resources: ExitStack
) -> tuple[RunConfig, dict[str, Any] | None, Callable[[RunConfig], FolderLock]]:
    """A run's settings, the checkpoint that it continues, and how rank 0 gets its folder."""
    if resume == AUTO:  # looked up by one process, or another might see the folder just made
        resume = world.broadcast(world.on_main(lambda: begun_folder(config.runtime.out)))
    if not resume:
        if first := config.optim.schedule_from:
            raise ConfigError(
                f"--schedule-from is {first}, which is for a run that goes on, with --resume and "
                "more --epochs; leave it out"
            )
        world.on_main(lambda: check_folder(config))
        return config, None, lambda settled: resources.enter_context(make_folder(settled))
    held = world.on_main(lambda: resources.enter_context(hold_earlier(resume)))
    earlier = read_earlier(resume)
    config = continued(config, earlier, _say)

    def take_folder(settled: RunConfig) -> FolderLock:
        assert held is not None  # rank 0 alone takes it
        if earlier.checkpoint is None:
            restart_folder(held)
        write_settings(held, dump_yaml(settled))
        return held

    return config, earlier.checkpoint, take_folder


def _say(line: str) -> None:
    print(line, flush=True)


def continued(config: RunConfig, earlier: Earlier, say: Callable[[str], None]) -> RunConfig:
    """The settings with which an earlier run goes on, in its own folder.

    Raises:
        ConfigError: if they are of another run, or its data is not there.
        Finished: if nothing is left to do, which has been said.
    """
    check_out(config, earlier)
    config = settled_as(with_out(config, str(earlier.folder)), earlier.config)
    if earlier.checkpoint is not None:
        check_same_run(earlier.checkpoint, config)
        if line := finished_line(earlier.checkpoint, config, earlier.folder):
            say(line)
            if config.runtime.report and not (earlier.folder / REPORT_NAME).exists():
                say(f"its report is missing; write it with `{called('report', earlier.folder)}`")
            raise Finished(line)
    check_data_found(config)
    if earlier.checkpoint is None:
        check_same_settings(earlier.config, config)
        say(
            f"{earlier.folder} holds no last.pt, as the run ended before it was first saved: it "
            "starts again at epoch 1, with the settings in its config.yaml"
        )
    return config


def _tell(path: Path | None, folder: Path) -> None:
    """A finished run for programs: its folder, the last row of its log, and its last epoch's."""
    if path is not None:
        rows, _ = read_log(folder / LOG_NAME)
        last = {row.get("kind"): row for row in rows}
        told = {"run": folder, **last.get("end", {}), "last_epoch": last.get("epoch")}
        write_json(path, told)


def next_line(run: Run) -> str:
    """What to do with a finished run."""
    files = read_data(run.config.data.data)
    has_test = split_called("test", run.records.splits) is not None
    what = files[0].path if has_test and len(files) == 1 else "NEW_IMAGES"
    return to_predict(run.folder, data=what)


def next_lines(folder: Path, *, folds: bool) -> list[str]:
    """What to do with finished folds or repeats, which predict together."""
    suspects = [f"next: {called('suspects', folder)}"] if folds else []
    return [*suspects, to_predict(folder)]


def finish(run: Run) -> None:
    """The last row and the last lines."""
    seconds = run.clock.snapshot()
    progress, optim = run.progress, run.config.optim
    evaluated = run.val_loader is not None
    loaders = run.train_loader, run.val_loader
    facts = circumstances(run.config, run.records, loaders, run.world.size)
    line = verdict_line(shares(seconds), facts)
    run.journal.row(
        "end",
        {
            "epochs": progress.epoch,
            f"best_{optim.best_by}": best_value(progress, optim.best_by) if evaluated else None,
            "best_epoch": progress.best_epoch if evaluated else None,
            "seconds": seconds,
            "shares": shares(seconds),
            "verdict": line,
        },
    )
    if progress.epoch < optim.epochs:
        print(f"stopped early: {counted(optim.patience, 'epoch')} without a better {optim.best_by}")
    split = run.config.data.val_split
    split = split if read_draw(split) is None else "held-out"
    print(report(progress, seconds, evaluated, split, optim.best_by))
    print(line)
    if skipped := sum(loader.num_skipped for loader in loaders if loader is not None):
        print(skipped_line(run.config.data.data, skipped))
    print(f"run folder: {run.folder}")


def skipped_line(data: DataPath, times: int) -> str:
    """How often a damaged image was replaced, and what names them: a command for each file."""
    looks = " and ".join(f"`{called('info', file.path, '--verify')}`" for file in read_data(data))
    return (
        f"a damaged image was replaced by another one, {counted(times, 'time')}; "
        f"the damaged ones are named by {looks}"
    )


def _how_to_resume(run: Run, world: World) -> str:
    place = f"epoch {run.progress.epoch + 1}, step {run.progress.step}"
    return f"saved at {place}; go on with `{command_again(run.folder, world.size)}`"


def command_again(folder: Path, processes: int) -> str:
    """The command that goes on with a run, as its user has called this one."""
    command = resume_command(folder)
    if processes == 1:
        return command
    here = int(os.environ.get("LOCAL_WORLD_SIZE", processes))
    launcher = f"torchrun --nproc-per-node {here}"
    if here < processes:  # and what names the other nodes, as before
        launcher = f"torchrun --nnodes {processes // here} --nproc-per-node {here} ..."
    module = "-m " if command.startswith("headrace ") else ""
    return f"{launcher} {module}{command}"


def run_trials(asked: CommandLine) -> dict[str, Any]:
    """Carries out the runs of --folds or --repeats; returns what summary.json holds."""
    place = asked.resume or asked.run.runtime.out
    folder = Path(place) if place else numbered_folder(asked.run)
    several = Trials(
        folder=folder,
        asked=asked.trials,
        config=with_out(asked.run, str(folder)),
    )
    try:
        summary = carry_out(several, run_training, _say, lambda: write_of_all(folder, asked.run))
        for line in next_lines(folder, folds=bool(asked.trials.folds)):
            _say(line)
        return summary
    except HeadraceError:
        if not place:  # the next number was taken for nothing
            with suppress(OSError):
                folder.rmdir()
        raise


@outliving_readers()
def main() -> None:
    asked = read_flags(sys.argv[1:])
    check_json(asked.json)
    if asked.trials:
        with suppress(Finished):
            write_json(asked.json, run_trials(asked))
        return
    try:
        run = run_training(asked.run, asked.resume)
    except Finished:
        place = asked.run.runtime.out if asked.resume == AUTO else asked.resume
        _tell(asked.json, earlier_folder(place))
    else:
        if run.world.is_main:
            _tell(asked.json, run.folder)
        write_at_end(run)
        if run.world.is_main:
            print(next_line(run))


if __name__ == "__main__":
    run_command(main)
