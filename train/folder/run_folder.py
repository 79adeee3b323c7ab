"""The run folder: which one a run gets, and what is cleared in it before the run begins."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from headrace.pipeline.atomic import remove_leftovers, replacing
from headrace.pipeline.data_files import DataPath, first_path
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.unwritable import ran_full, unwritable
from headrace.train.folder.folder_lock import LOCK_NAME, FolderLock, lock_folder
from headrace.train.models.places import short_name
from headrace.train.settings.config import RunConfig
from headrace.train.settings.config_file import dump_yaml

LAST_NAME, BEST_NAME, ADAPTER_NAME = "last.pt", "best.pt", "adapter.pt"
CONFIG_NAME = "config.yaml"
LOG_NAME, TEXT_NAME = "metrics.jsonl", "log.txt"
TRACE_NAME, REPORT_NAME = "trace.json.gz", "report.html"
_SHOWN = 3
_REPLACED = (LAST_NAME, BEST_NAME, ADAPTER_NAME, CONFIG_NAME, REPORT_NAME)


def check_folder(config: RunConfig) -> None:
    """Refuses an --out in which no run can begin, before a run's data is decoded; changes nothing.

    Raises:
        ConfigError: if it holds a run already, or anything else.
    """
    folder = Path(config.runtime.out)
    with writing_folder(folder):
        if config.runtime.out and not (folder / LOCK_NAME).exists():
            _refuse_old(folder, config.runtime.overwrite)


def make_folder(config: RunConfig) -> FolderLock:
    """Makes a new run's folder, --out or the next free runs/DATA-MODEL-NUMBER, and locks it.

    Raises:
        ConfigError: if --out holds a run already or anything else, is being written by a run, or
            cannot be made.
    """
    with writing_folder(Path(config.runtime.out or "runs")):
        if config.runtime.out:
            folder, overwrite = Path(config.runtime.out), config.runtime.overwrite
            check_folder(config)  # before even a lock file is written there
            folder.mkdir(parents=True, exist_ok=True)
        else:
            folder, overwrite = numbered_folder(config), False
        lock = lock_folder(folder)
        try:
            _refuse_old(folder, overwrite)
            _clear(folder)
            write_settings(lock, config)
        except BaseException:
            lock.close()
            raise
    return lock


def hold_folder(folder: Path) -> FolderLock:
    """Locks the folder of a run that is to be continued, and tidies up after a killed one.

    Raises:
        ConfigError: if it is being written by a run, or cannot be written.
    """
    with writing_folder(folder):
        lock = lock_folder(folder)
        try:
            remove_leftovers(folder, _REPLACED)
        except BaseException:
            lock.close()
            raise
    return lock


def restart_folder(lock: FolderLock) -> FolderLock:
    """Clears a folder for the run of its config.yaml to begin anew.

    Raises:
        ConfigError: if the folder cannot be written.
    """
    with writing_folder(lock.folder):
        _clear(lock.folder)
    return lock


def write_settings(lock: FolderLock, config: RunConfig) -> None:
    """Writes the folder's config.yaml.

    Raises:
        ConfigError: if the folder cannot be written.
    """
    with writing_folder(lock.folder), replacing(lock.folder / CONFIG_NAME) as file:
        file.write(dump_yaml(config).encode())


@contextmanager
def writing_folder(folder: Path) -> Iterator[None]:
    """Says what the system refuses meanwhile.

    Args:
        folder: which folder is written.

    Raises:
        FailedError: if its disk is full.
        ConfigError: if it cannot be written for another reason.
    """
    try:
        yield
    except OSError as error:
        if ran_full(error):
            raise unwritable(folder, error) from None
        raise ConfigError(
            f"cannot write the run folder: {error}; name one that may be written with --out"
        ) from None


def _refuse_old(folder: Path, overwrite: bool) -> None:
    old = [path.name for path in _old_files(folder)]
    if not old:
        _refuse_others(folder)
    if not old or overwrite:
        return
    if LAST_NAME in old or CONFIG_NAME in old:
        raise ConfigError(
            f"--out {folder} holds a run already; continue it with --resume {folder}, "
            "name another folder, or replace it with --overwrite"
        )
    raise ConfigError(
        f"--out {folder} holds a run already, of which only {', '.join(old)} is left; name another "
        "folder, or replace it with --overwrite"
    )


def _refuse_others(folder: Path) -> None:
    """Refuses a folder in which something else than a run is kept; hidden files are no matter."""
    found = sorted(path.name for path in folder.glob("[!.]*"))
    if found:
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise ConfigError(
            f"--out {folder} is not empty and holds no run: there is {', '.join(found[:_SHOWN])}"
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
    """A run's files, what it is resumed from first."""
    order = (LAST_NAME, BEST_NAME, ADAPTER_NAME, LOG_NAME, CONFIG_NAME, REPORT_NAME)
    found = [folder / name for name in order if (folder / name).exists()]
    found += sorted(folder.glob("events.out.tfevents*"))
    # Names that anybody may have given a file: a run's only beside others of a run.
    others = [folder / name for name in (TEXT_NAME, TRACE_NAME) if (folder / name).exists()]
    return found + others if found else []


def numbered_folder(config: RunConfig) -> Path:
    """Makes the next free runs/DATA-MODEL-NUMBER."""
    return next_folder(config.data.data, short_name(config.model.model))


def next_folder(data: DataPath, word: str) -> Path:
    """Makes the next free runs/DATA-WORD-NUMBER."""
    stem, number = first_path(data).resolve().stem, 1
    while True:
        folder = Path("runs") / f"{stem}-{word}-{number}"
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            number += 1
