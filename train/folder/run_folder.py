"""The run folder: which one a run gets, and what is cleared in it before the run begins."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from headrace.pipeline import trained
from headrace.pipeline.atomic import remove_leftovers, replacing
from headrace.pipeline.command_line import called
from headrace.pipeline.data_files import DataPath, first_path
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.unwritable import ran_full, unwritable
from headrace.pipeline.user_paths import resolved
from headrace.pipeline.wording import reason_of
from headrace.pipeline.yaml_text import read_yaml
from headrace.train.folder.folder_lock import LOCK_NAME, FolderLock, taking_folder
from headrace.train.models.places import short_name
from headrace.train.settings.config import RunConfig
from headrace.train.settings.config_file import dump_yaml

LAST_NAME, BEST_NAME, ADAPTER_NAME = "last.pt", "best.pt", "adapter.pt"
GENERATOR_NAME = "generator.pt"
CONFIG_NAME, LOG_NAME, TEXT_NAME = trained.CONFIG_NAME, trained.LOG_NAME, "log.txt"
TRACE_NAME, REPORT_NAME = "trace.json.gz", "report.html"
OWN_NAMES = (LAST_NAME, LOG_NAME, BEST_NAME, ADAPTER_NAME, GENERATOR_NAME, CONFIG_NAME)
"""Of a classifier or of a generator, what it is resumed from first."""
_BESIDE = (REPORT_NAME, "events.out.tfevents*")
_OF_CLASSIFIERS = (TEXT_NAME, TRACE_NAME)
"""What a generator's training does not write."""
_ALWAYS_SET = {"out", "train_split", "on_bad_sample"}
"""Settings that the config.yaml of every run holds, and together hardly another program's."""
_REPLACED = (LAST_NAME, BEST_NAME, ADAPTER_NAME, GENERATOR_NAME, CONFIG_NAME, REPORT_NAME)
_SHOWN = 3
NAME_ANOTHER = "name one that may be written with --out"
GO_ON_ELSEWHERE = "go on with a copy of it that may be written, or change who may write here"
"""What to do where a folder cannot be written: of a new run, and of one that goes on."""


def check_folder(config: RunConfig) -> None:
    """Refuses an --out in which no run can begin, before a run's data is decoded; changes nothing.

    Raises:
        ConfigError: as of `check_place`.
    """
    check_place(config.runtime.out, config.runtime.overwrite)


def check_place(out: str, overwrite: bool) -> None:
    """Refuses a folder in which no run can begin, and changes nothing.

    Args:
        out: "" for the next free one.
        overwrite: whether a run may be replaced. Files that are no run's stay beside the new one's.

    Raises:
        ConfigError: if it holds a run already, or only something else.
    """
    folder = Path(out)
    if not out:
        return
    with writing_folder(folder):
        try:
            _refuse_old(folder, overwrite)
        except ConfigError:
            # Asked behind the look at its files: what was seen may be a run's that has just begun.
            if not (folder / LOCK_NAME).exists():
                raise


def make_folder(config: RunConfig) -> FolderLock:
    """Makes a new run's folder, --out or the next free runs/DATA-MODEL-NUMBER, and locks it.

    Raises:
        ConfigError: as of `begin_folder`.
    """
    out, overwrite = config.runtime.out, config.runtime.overwrite
    return begin_folder(out, overwrite, lambda: numbered_folder(config), lambda: dump_yaml(config))


def begin_folder(
    out: str, overwrite: bool, numbered: Callable[[], Path], settings: Callable[[], str]
) -> FolderLock:
    """Makes a new run's folder, or clears one of an earlier run of either kind, and locks it.

    Args:
        out, overwrite: as of `check_place`.
        numbered: makes the next free folder, asked where there is no `out`.
        settings: text of the folder's config.yaml, asked when it is clear.

    Raises:
        ConfigError: if `out` holds a run already or anything else, is being written by a run, or
            cannot be made.
    """
    with writing_folder(Path(out or "runs")):
        if out:
            folder = Path(out)
            check_place(out, overwrite)  # before even a lock file is written there
            folder.mkdir(parents=True, exist_ok=True)
        else:
            folder = numbered()
        with taking_folder(folder) as lock:
            _refuse_old(folder, overwrite and bool(out))
            _clear(folder)
            _write_settings(folder, settings())
    return lock


def hold_folder(folder: Path, start: str = LAST_NAME) -> FolderLock:
    """Locks the folder of a run that is to be continued, and tidies up after a killed one.

    Args:
        folder: the run's.
        start: the checkpoint in it to go on from.

    Raises:
        ConfigError: if it is being written by a run, cannot be written, or holds what may be
            another program's.
    """
    with writing_folder(folder, GO_ON_ELSEWHERE):
        with taking_folder(folder) as lock:
            _refuse_strange(folder, start)
            remove_leftovers(folder, _REPLACED)
    return lock


def _refuse_strange(folder: Path, start: str) -> None:
    """Refuses files that a run would cut or replace where nothing tells that they are a run's."""
    if run_settings(folder):
        return
    found = [path.name for path in _files(folder, _OF_CLASSIFIERS) if path.name != start]
    if found:
        raise ConfigError(
            f"{folder} holds {', '.join(found)} and no {CONFIG_NAME} of a run, so that they may be "
            f"another program's: nothing there is changed; put the run's {CONFIG_NAME} back, or go "
            f"on with {start} in a folder of its own"
        )


def restart_folder(lock: FolderLock) -> FolderLock:
    """Clears a folder for the run of its config.yaml to begin anew.

    Raises:
        ConfigError: if the folder cannot be written.
    """
    with writing_folder(lock.folder, GO_ON_ELSEWHERE):
        _clear(lock.folder)
    return lock


def write_settings(lock: FolderLock, settings: str) -> None:
    """Writes the config.yaml of a run that goes on, if it says something else.

    Raises:
        ConfigError: if the folder cannot be written.
    """
    with writing_folder(lock.folder, GO_ON_ELSEWHERE):
        if run_settings(lock.folder) != read_yaml(settings):
            _write_settings(lock.folder, settings)


def _write_settings(folder: Path, text: str) -> None:
    with replacing(folder / CONFIG_NAME) as file:
        file.write(text.encode())


@contextmanager
def writing_folder(folder: Path, otherwise: str = NAME_ANOTHER) -> Iterator[None]:
    """Says what the system refuses meanwhile.

    Args:
        folder: which folder is written.
        otherwise: what to do where that is not allowed.

    Raises:
        FailedError: if its disk is full.
        ConfigError: if it cannot be written for another reason.
    """
    try:
        yield
    except OSError as error:
        if ran_full(error):
            raise unwritable(folder, error) from None
        what = f"{error.filename or folder}: {reason_of(error)}"
        raise ConfigError(f"cannot write the run folder: {what}; {otherwise}") from None


def _refuse_old(folder: Path, overwrite: bool) -> None:
    settings = run_settings(folder)
    if not settings:
        refuse_others(folder, "no run")
    elif not overwrite:
        command = ("generate", "fit") if _is_generators(settings) else ("train",)
        raise ConfigError(
            f"--out {folder} holds a run already; continue it with "
            f"`{called(*command, '--resume', folder)}`, name another folder, or replace it with "
            "--overwrite"
        )


def refuse_others(folder: Path, holds: str) -> None:
    """Refuses a folder in which something else is kept; hidden files are no matter.

    Args:
        folder: in which nothing of ours was found; it need not be there.
        holds: what that is, for the user.

    Raises:
        ConfigError: naming some of what is there.
    """
    found = sorted(path.name for path in folder.glob("[!.]*"))
    if found:
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise ConfigError(
            f"--out {folder} is not empty and holds {holds}: there is {', '.join(found[:_SHOWN])}"
            f"{more}; name a folder that is new or empty"
        )


def _clear(folder: Path) -> None:
    """Removes a run save for its settings: whatever remains when this is cut short can be resumed,
    as the old run or from its start."""
    for path in _old_files(folder):
        if path.name != CONFIG_NAME:
            path.unlink()
    remove_leftovers(folder, _REPLACED)


def _old_files(folder: Path) -> list[Path]:
    """A run's files, what it is resumed from first; the one place that says which those are.

    Other programs give their files such names, too: they are a run's beside its settings alone.
    """
    settings = run_settings(folder)
    if not settings:
        return []
    return _files(folder, () if _is_generators(settings) else _OF_CLASSIFIERS)


def _files(folder: Path, more: Iterable[str]) -> list[Path]:
    return [path for name in (*OWN_NAMES, *_BESIDE, *more) for path in sorted(folder.glob(name))]


def run_settings(folder: Path) -> dict[str, Any]:
    """What the config.yaml of a run says.

    Returns:
        {} where there is none, or one that no run has written: another program's, or a user's own.
    """
    try:
        settings = read_yaml((folder / CONFIG_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    is_ours = isinstance(settings, dict) and settings.keys() >= _ALWAYS_SET
    return settings if is_ours else {}


def is_begun(folder: Path) -> bool:
    """Whether a run has begun here that can be asked to go on."""
    return (folder / LAST_NAME).is_file() or bool(run_settings(folder))


def _is_generators(settings: Mapping[str, Any]) -> bool:
    return "kind" in settings


def numbered_folder(config: RunConfig) -> Path:
    """Makes the next free runs/DATA-MODEL-NUMBER."""
    return next_folder(config.data.data, short_name(config.model.model))


def next_folder(data: DataPath, word: str) -> Path:
    """Makes the next free runs/DATA-WORD-NUMBER."""
    stem, number = resolved(first_path(data)).stem, 1
    while True:
        folder = Path("runs") / f"{stem}-{word}-{number}"
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            number += 1
