"""The run folder of a generator's training: which one it gets, and what is cleared in it."""

from __future__ import annotations

from pathlib import Path

import yaml

from headrace.pipeline.atomic import remove_leftovers, replacing
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flat_settings import to_flat
from headrace.train.folder.folder_lock import FolderLock, lock_folder
from headrace.train.folder.run_folder import (
    CONFIG_NAME,
    LAST_NAME,
    LOG_NAME,
    REPORT_NAME,
    next_folder,
    writing_folder,
)
from headrace.train.generating.generator_file import GENERATOR_NAME
from headrace.train.generating.settings import FitConfig


def take_folder(config: FitConfig) -> FolderLock:
    """The run folder, locked for this training and cleared if it is a new one.

    Raises:
        ConfigError: if it holds something else, is held by another training, or cannot be written.
    """
    named = config.resume or config.out
    with writing_folder(Path(named or "runs")):
        folder = Path(named) if named else next_folder(config.data, config.kind)
        if not config.resume:
            _check_empty(folder, config.overwrite)
            folder.mkdir(parents=True, exist_ok=True)
        lock = lock_folder(folder)
        try:
            if config.resume:
                remove_leftovers(folder, (LAST_NAME, GENERATOR_NAME, REPORT_NAME))
            else:
                _begin_anew(folder, config)
        except BaseException:
            lock.close()
            raise
        return lock


def _begin_anew(folder: Path, config: FitConfig) -> None:
    for path in _own_files(folder):
        path.unlink()
    with replacing(folder / CONFIG_NAME) as file:
        file.write(yaml.safe_dump(to_flat(config), sort_keys=False).encode())


def _check_empty(folder: Path, overwrite: bool) -> None:
    own = _own_files(folder)
    others = {path.name for path in folder.glob("[!.]*")} - {path.name for path in own}
    if others or (own and not overwrite):
        what = "holds a run already" if own and not others else f"holds {min(others)}"
        raise ConfigError(
            f"--out {folder} {what}; name another folder"
            + ("" if others else f", go on with --resume {folder}, or replace it with --overwrite")
        )


def _own_files(folder: Path) -> list[Path]:
    names = (LAST_NAME, GENERATOR_NAME, LOG_NAME, CONFIG_NAME, REPORT_NAME)
    found = [folder / name for name in names if (folder / name).exists()]
    return found + sorted(folder.glob("events.out.tfevents*")) if found else []
