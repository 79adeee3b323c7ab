#!/usr/bin/env python3
"""Train a classifier.

    train/run.py --data food11.beton
    train/run.py --data food11.beton --loader dali --model timm:resnet18 --epochs 30
    train/run.py --preset food11-report --data food11.beton --epochs 30
    train/run.py --config run.yaml --lr 0.002
    train/run.py --resume runs/food11-resnet18-strided-1
    train/run.py --resume runs/food11-resnet18-strided-1 --epochs 40
    torchrun --nproc-per-node 4 train/run.py --data food11.beton

Writes a run folder: config.yaml, metrics.jsonl, best.pt, last.pt, TensorBoard events, and at the
end report.html.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import torch
from tyro.conf import arg

from headrace.pipeline.command_line import called, run_command
from headrace.pipeline.errors import ConfigError, Finished, Interrupted
from headrace.pipeline.flags import parse
from headrace.pipeline.wording import counted
from headrace.train.assemble import open_run
from headrace.train.display import best_value, report
from headrace.train.folder.finished import finished_line
from headrace.train.folder.folder_lock import FolderLock
from headrace.train.folder.resume import (
    Earlier,
    check_data_found,
    check_given_out,
    check_out,
    check_same_run,
    check_same_settings,
    earlier_folder,
    read_earlier,
)
from headrace.train.folder.run_folder import (
    hold_folder,
    make_folder,
    restart_folder,
    write_settings,
)
from headrace.train.loop import train
from headrace.train.presets import load_preset
from headrace.train.processes.stop import StopRequest
from headrace.train.processes.world import World, join_world, leave_world
from headrace.train.reporting.write import write_at_end
from headrace.train.settings.config import RunConfig
from headrace.train.settings.config_file import load_yaml
from headrace.train.settings.words import peek, prepare
from headrace.train.state import Run

EVERYDAY = (
    "data model size epochs batch_size lr optimizer recipe seed out device workers preset config "
    "resume"
).split()
"""What --help shows."""


@dataclass(frozen=True, kw_only=True)
class CommandLine:
    """Train a classifier on packed images or an image folder."""

    preset: Annotated[str, arg(metavar="NAME", help_behavior_hint="")] = ""
    """Settings after others' work: cifar10-resnet18, food11-report, food11-sample, food11-trivial;
    flags override them."""
    config: Annotated[str, arg(metavar="FILE", help_behavior_hint="")] = ""
    """YAML file with settings; flags override it."""
    resume: Annotated[str, arg(metavar="RUN", help_behavior_hint="")] = ""
    """Run folder or last.pt to continue; its settings hold, save that --epochs may grow."""
    run: Annotated[RunConfig, arg(name="")] = field(default_factory=RunConfig)


def read_command_line(args: Sequence[str]) -> tuple[RunConfig, str]:
    """Settings from the flags, on top of --preset, --config or the run in --resume.

    Returns:
        The settings, and the run folder or checkpoint to continue from ("" for a new run).
    """
    preset, source, resumed = (peek(args, flag) for flag in ("--preset", "--config", "--resume"))
    base = RunConfig()
    earlier: Earlier | None = None
    if source and resumed:
        raise ConfigError("--config and --resume exclude each other: a resumed run has its own")
    if preset and (source or resumed):
        other = "--config" if source else "--resume"
        raise ConfigError(
            f"--preset and {other} exclude each other: both say all settings; take one, and flags "
            "for what is to differ"
        )
    if preset:
        base = load_preset(preset)
    elif source:
        base = load_yaml(source)
    elif resumed:
        earlier = read_earlier(resumed)
        # Without its --out, for one that is there after parsing was given just now.
        base = with_out(earlier.config, "")
    words, base = prepare(args, base)
    found = parse(CommandLine, called("train"), words, CommandLine(run=base), EVERYDAY)
    if earlier is not None and found.run.runtime.out:
        check_given_out(found.run.runtime.out, earlier.folder)
    return found.run, found.resume


def with_out(config: RunConfig, out: str) -> RunConfig:
    """The same settings with another --out."""
    return dataclasses.replace(config, runtime=dataclasses.replace(config.runtime, out=out))


def run_training(config: RunConfig, resume: str = "") -> Run:
    """Carries out one run from its settings to its last line.

    Args:
        config: what to do.
        resume: run folder or last.pt of the run to continue, "" for a new one.

    Returns:
        The finished run; its loaders and files are closed.

    Raises:
        Finished: if the run to continue has nothing left to do, which has been said.
    """
    with ExitStack() as resources:
        world, device = join_world(config.runtime.device)
        resources.callback(leave_world)
        # Seeds are this run's affair: a caller's random numbers go on as if nothing had happened.
        devices = [device] if device.type == "cuda" else []
        resources.enter_context(torch.random.fork_rng(devices=devices))
        if not world.is_main:
            resources.enter_context(_quiet())
        config, checkpoint, take_folder = _begin(config, resume, world, resources)
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
        with StopRequest() as stop:
            try:
                train(run, stop)
            except Interrupted:
                raise Interrupted(_how_to_resume(run, world)) from None
        finish(run)
        return run


def _begin(
    config: RunConfig, resume: str, world: World, resources: ExitStack
) -> tuple[RunConfig, dict[str, Any] | None, Callable[[], FolderLock]]:
    """A run's settings, the checkpoint that it continues, and how rank 0 gets its folder."""
    if not resume:
        if first := config.optim.schedule_from:
            raise ConfigError(
                f"--schedule-from is {first}, which is for a run that goes on, with --resume and "
                "more --epochs; leave it out"
            )
        return config, None, lambda: resources.enter_context(make_folder(config))
    # Held from before it is read: another run may be about to save into it.
    held = world.on_main(lambda: resources.enter_context(hold_folder(earlier_folder(resume))))
    earlier = read_earlier(resume)
    config = continued(config, earlier, _say)

    def take_folder() -> FolderLock:
        assert held is not None  # rank 0 alone takes it
        if earlier.checkpoint is None:
            restart_folder(held)
        if config.optim != earlier.config.optim:
            write_settings(held, config)
        return held

    return config, earlier.checkpoint, take_folder


def _say(line: str) -> None:
    print(line, flush=True)


@contextmanager
def _quiet() -> Iterator[None]:
    """Meanwhile this process prints nothing: rank 0 speaks for all."""
    with (
        Path(os.devnull).open("w", encoding="utf-8", errors="backslashreplace") as nowhere,
        redirect_stdout(nowhere),
    ):
        yield


def continued(config: RunConfig, earlier: Earlier, say: Callable[[str], None]) -> RunConfig:
    """The settings with which an earlier run goes on, in its own folder.

    Raises:
        ConfigError: if they are of another run, or its data is not there.
        Finished: if nothing is left to do, which has been said.
    """
    check_out(config, earlier)
    config = with_out(config, str(earlier.folder))
    if earlier.checkpoint is not None:
        check_same_run(earlier.checkpoint, config)
        if line := finished_line(earlier.checkpoint, config, earlier.folder):
            say(line)
            raise Finished(line)
    check_data_found(config)
    if earlier.checkpoint is None:
        check_same_settings(earlier.config, config)
        say(
            f"{earlier.folder} holds no last.pt, the run ended before its first: it begins from "
            "its start, with its config.yaml"
        )
    return config


def finish(run: Run) -> None:
    """The last row and the last lines."""
    seconds = run.clock.snapshot()
    progress, optim = run.progress, run.config.optim
    evaluated = run.val_loader is not None
    run.journal.row(
        "end",
        {
            "epochs": progress.epoch,
            f"best_{optim.best_by}": best_value(progress, optim.best_by) if evaluated else None,
            "best_epoch": progress.best_epoch if evaluated else None,
            "seconds": seconds,
        },
    )
    if progress.epoch < optim.epochs:
        print(f"stopped early: {counted(optim.patience, 'epoch')} without a better {optim.best_by}")
    print(report(progress, seconds, evaluated, run.config.data.val_split, optim.best_by))
    skipped = run.train_loader.num_skipped
    if skipped:
        print(f"{skipped} bad samples were replaced by the next of the plan")
    print(f"run folder: {run.folder}")


def _how_to_resume(run: Run, world: World) -> str:
    launcher = f"torchrun --nproc-per-node {world.size} " if world.size > 1 else ""
    place = f"epoch {run.progress.epoch + 1}, step {run.progress.step}"
    return f"saved at {place}; go on with `{launcher}{called('train')} --resume {run.folder}`"


def main() -> None:
    with suppress(Finished):
        run = run_training(*read_command_line(sys.argv[1:]))
        write_at_end(run)


if __name__ == "__main__":
    run_command(main)
