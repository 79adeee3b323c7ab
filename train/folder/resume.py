"""What a continued run must have in common with the one it continues."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace.pipeline.command_line import called
from headrace.pipeline.data_files import DataPath, in_words, read_data
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flat_settings import flag_of, with_values
from headrace.pipeline.user_paths import resolved
from headrace.pipeline.wording import counted
from headrace.train.folder.checkpoint import load_checkpoint
from headrace.train.folder.folder_lock import FolderLock
from headrace.train.folder.journal import read_rows
from headrace.train.folder.parts import REQUIRED
from headrace.train.folder.run_folder import (
    BEST_NAME,
    CONFIG_NAME,
    LAST_NAME,
    LOG_NAME,
    hold_folder,
    is_begun,
)
from headrace.train.folder.runs_inside import name_a_run
from headrace.train.models.places import code_hash, own_file_parts
from headrace.train.settings.config import RunConfig
from headrace.train.settings.config_file import changed_keys, from_flat, load_yaml, to_flat

_BEGUN = (LAST_NAME, CONFIG_NAME)
"""Files of which a run that can go on has one."""


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """What there is of a run that is to be continued.

    Attributes:
        folder: its run folder.
        checkpoint: the content of its last.pt; None where it was killed before the first one.
        config: the settings with which it was last started.
    """

    folder: Path
    checkpoint: dict[str, Any] | None
    config: RunConfig


def resume_command(folder: Path, *more: object) -> str:
    """What to type to go on with a run, or with several of one folder; `more` stands behind."""
    return called("train", "--resume", folder, *more)


def earlier_folder(resume: str) -> Path:
    """The run folder that --resume means.

    Args:
        resume: a run folder, or a checkpoint in it.

    Raises:
        ConfigError: if nothing is there, or a folder that no run has begun in.
    """
    path = Path(resume)
    if path.is_file():
        return path.parent
    if not path.is_dir():
        otherwise = "give a run folder or its last.pt"
        raise ConfigError(
            f"--resume {path} does not exist; {name_a_run(path.parent, otherwise, *_BEGUN)}"
        )
    if not is_begun(path):
        otherwise = f"name the folder of a run, or begin one there with --out {path}"
        raise ConfigError(
            f"--resume {path} holds no run: neither {LAST_NAME} nor a run's {CONFIG_NAME} is "
            f"there; {name_a_run(path, otherwise, *_BEGUN)}"
        )
    return path


def hold_earlier(resume: str) -> FolderLock:
    """Locks the folder of the run that --resume means, from before it is read: another one may be
    about to save into it.

    Raises:
        ConfigError: as of `earlier_folder` and `hold_folder`.
    """
    path = Path(resume)
    return hold_folder(earlier_folder(resume), path.name if path.is_file() else LAST_NAME)


def begun_folder(out: str) -> str:
    """An --out that holds a run already, "" where none has begun."""
    return out if is_begun(Path(out)) else ""


def read_earlier(resume: str) -> Earlier:
    """Reads the run to continue; it may change for as long as another process writes it.

    Args:
        resume: a run folder, or a checkpoint in it.

    Raises:
        HeadraceError: if there is no run, or a file of it is damaged, lost or only holds weights.
    """
    folder, path = earlier_folder(resume), Path(resume)
    if path.is_dir() and not (folder / LAST_NAME).is_file():
        _check_never_saved(folder)
        return Earlier(folder=folder, checkpoint=None, config=load_yaml(folder / CONFIG_NAME))
    checkpoint = load_checkpoint(path)
    config = _last_asked(checkpoint_config(checkpoint, resume), folder)
    return Earlier(folder=folder, checkpoint=checkpoint, config=config)


def _check_never_saved(folder: Path) -> None:
    """Refuses to take a run that has lost its last.pt for one that was not saved yet.

    Raises:
        ConfigError: if its log tells of more than the epoch before the first save.
    """
    try:
        rows, _ = read_rows(folder / LOG_NAME)
    except OSError:
        return
    epochs = sum(row.get("kind") == "epoch" for row in rows)
    if epochs > 1 or any(row.get("kind") == "end" for row in rows):
        raise ConfigError(
            f"{folder} has lost its {LAST_NAME}: its {LOG_NAME} tells of "
            f"{counted(epochs, 'epoch')}, from which only that file goes on; put it back, begin a "
            f"run from the weights of {BEST_NAME} with --weights {folder / BEST_NAME}, or replace "
            "this one with --overwrite"
        )


def _last_asked(saved: RunConfig, folder: Path) -> RunConfig:
    """The settings of a checkpoint with what its run was asked for since, such as more epochs.

    Those are in config.yaml before the run is saved with them.
    """
    try:
        told = load_yaml(folder / CONFIG_NAME)
    except ConfigError:  # not there, or changed by hand
        return saved
    return saved if changed_keys(saved, told) else dataclasses.replace(saved, optim=told.optim)


def check_out(config: RunConfig, earlier: Earlier) -> None:
    """Refuses an --out that names another folder than the run's own.

    The one of the run's settings is no such wish: its folder may have been moved since, or be seen
    from another working directory.

    Raises:
        ConfigError: naming the run's folder.
    """
    out = config.runtime.out
    if out not in ("", earlier.config.runtime.out):
        check_given_out(out, earlier.folder)


def check_given_out(out: str, folder: Path) -> None:
    """Refuses an --out that the user gave along with --resume, unless it is the same folder.

    Raises:
        ConfigError: naming the run's folder.
    """
    if resolved(out) != resolved(folder):
        raise ConfigError(
            f"--out is {out}, but a resumed run goes on in its own folder, {folder}; leave out "
            "--out"
        )


def check_data_found(config: RunConfig) -> None:
    """Refuses to look for a resumed run's data where it is no longer, or not seen from here.

    Raises:
        ConfigError: saying that --data may be given anew.
    """
    data = config.data.data
    for file in read_data(data) if data else ():
        if not file.path.exists():
            every = "" if isinstance(data, str) else f", with every file of {in_words(data)}"
            raise ConfigError(
                f"cannot resume: the run's data, {file.path}, is not there (seen from "
                f"{Path.cwd()}); say where it is now with --data{every}"
            )


def checkpoint_config(checkpoint: Mapping[str, Any], source: str) -> RunConfig:
    """The settings of the run that a checkpoint was taken of.

    Raises:
        ConfigError: if the checkpoint only holds weights.
    """
    missing = [key for key in REQUIRED if key not in checkpoint]
    if missing:
        raise ConfigError(
            f"{source} holds weights but no state to continue from: it lacks "
            f"{', '.join(missing)}; resume from last.pt"
        )
    return from_flat(checkpoint["config"], source)


def check_resumable(checkpoint: Mapping[str, Any], config: RunConfig, fingerprint: str) -> None:
    """Refuses to continue as another run than the one that was started.

    Raises:
        ConfigError: naming what differs.
    """
    check_same_run(checkpoint, config)
    if fingerprint != checkpoint["data_fingerprint"]:
        raise other_samples(config.data.data)


def other_samples(data: DataPath) -> ConfigError:
    """The complaint about data with another fingerprint than a run was started on."""
    return ConfigError(
        f"cannot resume: --data {in_words(data)} holds other samples than the run was started on, "
        "or other sizes, shares or weights of them; give the same data, or start a new run"
    )


def check_same_run(checkpoint: Mapping[str, Any], config: RunConfig) -> None:
    """Refuses other settings than those of the run that a checkpoint was taken of.

    Raises:
        ConfigError: naming what differs.
    """
    before = from_flat(checkpoint["config"], "the checkpoint")
    check_same_settings(with_moved_code(before, config, checkpoint), config)


def with_moved_code(
    before: RunConfig, config: RunConfig, checkpoint: Mapping[str, Any]
) -> RunConfig:
    """The earlier settings with a user's own model file where it is now, if it is the same file.

    Raises:
        ConfigError: if it is not there, or has changed since the run was started.
    """
    old, now = own_file_parts(before.model.model), own_file_parts(config.model.model)
    if old is None or now is None or old[1] != now[1]:
        return before
    code = code_hash(config.model.model)
    if code != checkpoint["model"].get("code"):
        raise ConfigError(
            f"cannot resume: {now[0]} has changed since the run was started; put it back, or start "
            "a new run from these weights with --weights"
        )
    return with_values(before, {"model": config.model.model})


def check_same_settings(before: RunConfig, config: RunConfig) -> None:
    """Refuses settings that would make another run of it.

    Raises:
        ConfigError: naming the flags that differ.
    """
    changed = changed_keys(before, config)
    if changed:
        old, new = to_flat(before), to_flat(config)
        raise changed_settings({key: (old[key], new[key]) for key in changed})


def changed_settings(changed: Mapping[str, tuple[object, object]]) -> ConfigError:
    """The complaint about settings that a resumed run cannot have: each one's old and new value."""
    flags = ", ".join(
        f"{flag_of(name)} (was {old!r}, now {new!r})" for name, (old, new) in changed.items()
    )
    return ConfigError(
        f"cannot resume with a changed {flags}: a resumed run keeps the settings it began with; "
        "give what it was, or start a new run"
    )
