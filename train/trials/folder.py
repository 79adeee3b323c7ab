"""The folder of trials: a file that says what they are of, and a folder for each run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from headrace.pipeline.atomic import remove_leftovers, replacing
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.wording import one_line
from headrace.pipeline.yaml_text import read_yaml
from headrace.train.folder.finished import finished_line
from headrace.train.folder.folder_lock import FolderLock, taking_folder
from headrace.train.folder.resume import (
    Earlier,
    check_same_settings,
    read_earlier,
    resume_command,
)
from headrace.train.folder.run_folder import (
    BEST_NAME,
    GO_ON_ELSEWHERE,
    LAST_NAME,
    NAME_ANOTHER,
    is_begun,
    refuse_others,
    writing_folder,
)
from headrace.train.folder.runs_inside import TRIALS_NAME
from headrace.train.settings.config import RunConfig
from headrace.train.settings.config_file import from_flat, to_flat
from headrace.train.trials.members import PlannedRun, planned_runs
from headrace.train.trials.settings import TrialsConfig

SUMMARY_NAME = "summary.json"
OUT_OF_FOLD_NAME = "out_of_fold.npz"


@dataclass(frozen=True, kw_only=True)
class Trials:
    """What several runs are of.

    Attributes:
        folder: of all.
        asked: how many runs of which kind.
        config: what the runs have in common.
    """

    folder: Path
    asked: TrialsConfig
    config: RunConfig

    @property
    def runs(self) -> list[PlannedRun]:
        return planned_runs(self.config, self.asked, self.folder)


def holds_trials(place: str | Path) -> bool:
    """Whether this is the folder of several runs, not of one."""
    return (Path(place) / TRIALS_NAME).is_file()


def read_trials(folder: Path) -> Trials:
    """Reads what the runs of a folder are of.

    Raises:
        ConfigError: if the file cannot be read, or is none of ours.
    """
    path = folder / TRIALS_NAME
    try:
        content = read_yaml(path.read_text(encoding="utf-8"))
        settings = dict(content.pop("config"))
        asked = TrialsConfig(**content)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = one_line(error)
        raise ConfigError(f"{path} does not say which runs there are: {reason}") from None
    return Trials(folder=folder, asked=asked, config=from_flat(settings, str(path)))


def hold_trials(wanted: Trials) -> FolderLock:
    """Makes the folder or takes up the one that is there, and locks it for this process.

    Raises:
        ConfigError: if it holds something else, or trials with other settings, is being
            written by another process, or cannot be made.
    """
    folder = wanted.folder
    with writing_folder(folder, GO_ON_ELSEWHERE if holds_trials(folder) else NAME_ANOTHER):
        _refuse_others(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with taking_folder(folder) as lock:
            _refuse_others(folder)
            before = read_trials(folder) if holds_trials(folder) else wanted
            if any(run.folder.exists() for run in before.runs):
                check_same_trials(before, wanted)
            remove_leftovers(folder, (TRIALS_NAME, SUMMARY_NAME, OUT_OF_FOLD_NAME))
    return lock


def write_trials(wanted: Trials) -> None:
    """Notes down in the folder what its runs are of; whoever holds it may.

    Raises:
        ConfigError: if it cannot be written.
    """
    content: dict[str, Any] = {
        **asdict(wanted.asked),
        "config": to_flat(wanted.config),
    }
    text = yaml.safe_dump(content, sort_keys=False, default_flow_style=None)
    with writing_folder(wanted.folder), replacing(wanted.folder / TRIALS_NAME) as file:
        file.write(text.encode())


def check_same_trials(before: Trials, wanted: Trials) -> None:
    """Refuses to go on with other runs than those that were begun.

    Raises:
        ConfigError: naming what differs.
    """
    one, other = before.asked, wanted.asked
    if (one.folds, one.repeats) != (other.folds, other.repeats):
        raise ConfigError(
            f"{before.folder} holds runs of {one}, not of {other}; name another folder with --out"
        )
    if one.folds and one.split_seed != other.split_seed:
        raise ConfigError(
            f"{before.folder} holds folds of --split-seed {one.split_seed}, not "
            f"{other.split_seed}; name another folder with --out"
        )
    check_same_settings(before.config, wanted.config)


def run_folders(place: Path) -> list[Path]:
    """The folders of all the runs of trials, of which each has its best.pt.

    Raises:
        ConfigError: if one has none yet, or has lost it.
    """
    runs = read_trials(place).runs
    folders = [run.folder for run in runs]
    for run, folder in zip(runs, folders, strict=True):
        if not (folder / BEST_NAME).is_file():
            if (folder / LAST_NAME).is_file() and is_finished(run, read_earlier(str(folder))):
                raise ConfigError(
                    f"{folder} is finished and has lost its {BEST_NAME}; remove {folder} and train "
                    f"that run anew with `{resume_command(place)}`, or name those that "
                    "are there"
                )
            raise ConfigError(
                f"{place}: {folder.name} has no {BEST_NAME} yet; finish the runs with "
                f"`{resume_command(place)}`, or name those that are there"
            )
    return folders


def is_finished(run: PlannedRun, earlier: Earlier) -> bool:
    """Whether going on with the run would do nothing."""
    if earlier.checkpoint is None:
        return False
    return bool(finished_line(earlier.checkpoint, run.config, run.folder))


def _refuse_others(folder: Path) -> None:
    """Refuses a folder in which something else is kept; hidden files are no matter."""
    if holds_trials(folder) or not folder.exists():
        return
    if is_begun(folder):
        raise ConfigError(
            f"--out {folder} holds a single run; name another folder, or go on with that run by "
            f"--resume {folder} alone"
        )
    refuse_others(folder, "no runs")
