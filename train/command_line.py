"""The command line of a training run: its flags, on top of a preset, a file or an earlier run."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from headrace.pipeline.command_line import called
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flags import parse
from headrace.pipeline.flat_settings import with_values
from headrace.pipeline.json_file import JsonFile
from headrace.train.folder.resume import check_given_out, read_earlier
from headrace.train.presets import load_preset
from headrace.train.settings.config import RunConfig
from headrace.train.settings.config_file import load_yaml
from headrace.train.settings.words import peek, prepare
from headrace.train.trials.draws import check_same_draws, with_draws
from headrace.train.trials.folder import holds_trials, read_trials
from headrace.train.trials.settings import TrialsConfig

EVERYDAY = (
    "data model size geometry epochs batch_size lr optimizer recipe seed out device workers "
    "val_fraction folds repeats preset config resume"
).split()
"""What --help shows."""
AUTO = "auto"
"""Of --resume: whatever --out holds."""


@dataclass(frozen=True, kw_only=True)
class CommandLine:
    """Train a classifier on packed images or an image folder."""

    preset: Annotated[str, arg(metavar="NAME", help_behavior_hint="")] = ""
    """Whole runs as settings, most after others' work: cifar10-96, cifar10-fast, cifar10-resnet18,
    finegrained-transfer, food11-boss, food11-report, food11-sample, food11-trivial, food11-tta,
    small-food; flags override them."""
    config: Annotated[str, arg(metavar="FILE", help_behavior_hint="")] = ""
    """YAML file with settings; flags override it."""
    resume: Annotated[str, arg(metavar="RUN", help_behavior_hint="")] = ""
    """Run folder, last.pt, or folder of --folds or --repeats to continue; its settings hold, save
    that --epochs may grow. auto: what --out holds goes on if it has begun, and begins if not."""
    val_fraction: float = 0.0
    """Hold this share of each class of the training split out for validation (0: no)."""
    json: JsonFile = None
    """Write here, at the end, what came of it: the run's folder, its best epoch and its times; of
    --folds and --repeats what their summary.json holds."""
    trials: Annotated[TrialsConfig, arg(name="")] = field(default_factory=TrialsConfig)
    run: Annotated[RunConfig, arg(name="")] = field(default_factory=RunConfig)


def read_command_line(args: Sequence[str]) -> tuple[RunConfig, str]:
    """Settings of a single run from the flags, on top of --preset, --config or --resume.

    Returns:
        The settings, and the run folder or checkpoint to continue from ("" for a new run).
    """
    asked = read_flags(args)
    return asked.run, asked.resume


def read_flags(args: Sequence[str]) -> CommandLine:
    """The flags, on top of --preset, --config or what is in --resume.

    Returns:
        All of them; --val-fraction has become a part of the settings of `run`.
    """
    preset, source, resumed = (peek(args, flag) for flag in ("--preset", "--config", "--resume"))
    if resumed == AUTO:  # the flags say all, as of a new run
        resumed = ""
    base = CommandLine()
    folder: Path | None = None
    if source and resumed:
        raise ConfigError("--config and --resume exclude each other: a resumed run has its own")
    if preset and (source or resumed):
        other = "--config" if source else "--resume"
        raise ConfigError(
            f"--preset and {other} exclude each other: both say all settings; take one, and flags "
            "for what is to differ"
        )
    if preset:
        base = CommandLine(run=load_preset(preset))
    elif source:
        base = CommandLine(run=load_yaml(source))
    elif resumed:
        base, folder = _resumed(resumed)
    words, run = prepare(args, base.run)
    if not resumed:
        run = starting_from(peek(words, "--weights"), words, run)
    base = dataclasses.replace(base, run=run)
    found = parse(
        CommandLine, called("train"), words, base, EVERYDAY, _origin(preset, source, resumed)
    )
    if folder is not None and found.run.runtime.out:
        check_given_out(found.run.runtime.out, folder)
    if resumed:
        check_same_draws(found.trials, base.trials, found.val_fraction)
        return found
    if found.resume == AUTO:
        _check_auto(found.run)
        # Several runs go on with the same command anyway.
        found = dataclasses.replace(found, resume="" if found.trials else AUTO)
    run = with_draws(found.run, found.trials, found.val_fraction)
    return dataclasses.replace(found, run=run, val_fraction=0.0)


def _origin(preset: str, source: str, resumed: str) -> str:
    """The flag that says where settings come from that the others do not, "" if none does."""
    given = {"--preset": preset, "--config": source, "--resume": resumed}
    return next((f"{flag} {value}" for flag, value in given.items() if value), "")


def _check_auto(config: RunConfig) -> None:
    """Refuses --resume auto where it is not known what would go on, or nothing would."""
    runtime = config.runtime
    if not runtime.out:
        raise ConfigError("--resume auto needs --out DIR, the folder of the run that goes on")
    if runtime.overwrite:
        raise ConfigError(
            "--resume auto and --overwrite exclude each other: the one goes on with what --out "
            "holds, the other replaces it"
        )


def _resumed(resume: str) -> tuple[CommandLine, Path]:
    """What a run, or several, that go on were told, and their folder."""
    if holds_trials(resume):
        several = read_trials(Path(resume))
        before = CommandLine(run=with_out(several.config, ""), trials=several.asked)
        return before, several.folder
    earlier = read_earlier(resume)
    # Without its --out, for one that is there after parsing was given just now.
    return CommandLine(run=with_out(earlier.config, "")), earlier.folder


def starting_from(weights: str, words: Sequence[str], base: RunConfig) -> RunConfig:
    """The settings with a file that was given in the place of a preset's published weights."""
    if not weights or "--pretrained" in words:
        return base
    return with_values(base, {"weights": weights, "pretrained": False})


def with_out(config: RunConfig, out: str) -> RunConfig:
    """The same settings with another --out."""
    return dataclasses.replace(config, runtime=dataclasses.replace(config.runtime, out=out))
