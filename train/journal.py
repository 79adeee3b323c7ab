"""The run folder: config.yaml, metrics.jsonl and TensorBoard events."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import ConfigError, HeadraceError
from train.config import RunConfig
from train.config_file import dump_yaml

LOG_NAME = "metrics.jsonl"


def make_folder(config: RunConfig) -> Path:
    """Makes the run's folder: --out, or the next free runs/DATA-MODEL-NUMBER.

    Raises:
        ConfigError: if --out holds a run already, or cannot be made.
    """
    try:
        if config.runtime.out:
            folder = Path(config.runtime.out)
            old = [p for p in folder.glob("*") if _is_ours(p.name)]
            if old and not config.runtime.overwrite:
                raise ConfigError(
                    f"--out {folder} holds a run already; continue it with --resume {folder}, "
                    "name another folder, or replace it with --overwrite"
                )
            for path in old:
                path.unlink()
            folder.mkdir(parents=True, exist_ok=True)
        else:
            folder = _numbered(config)
        (folder / "config.yaml").write_text(dump_yaml(config), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot write the run folder: {error}") from None
    return folder


def _is_ours(name: str) -> bool:
    files = (LOG_NAME, "config.yaml", "best.pt", "last.pt")
    return name in files or name.startswith("events.out.tfevents")


def _numbered(config: RunConfig) -> Path:
    stem = Path(config.data.data).resolve().stem
    model = config.model.model.replace(":", "-").replace("/", "-")
    number = 1
    while True:
        folder = Path("runs") / f"{stem}-{model}-{number}"
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            number += 1


class Journal:
    """Writes rows of numbers; does nothing on processes other than the first.

    Args:
        folder: the run's.
        enabled: whether this process writes.
        tensorboard: whether to write events too.
        resume_bytes: length of metrics.jsonl at the checkpoint from which the run goes on; later
            rows are of steps that will be done again, and are cut off.
        resume_step: the global step of that checkpoint.
    """

    def __init__(
        self,
        folder: Path,
        *,
        enabled: bool,
        tensorboard: bool,
        resume_bytes: int = 0,
        resume_step: int = 0,
    ) -> None:
        self._file: Any = None
        self._events: Any = None
        if not enabled:
            return
        try:
            self._file = (folder / LOG_NAME).open("ab")
            if self._file.tell() > resume_bytes:
                self._file.truncate(resume_bytes)
                self._file.seek(0, os.SEEK_END)
        except OSError as error:
            raise HeadraceError(f"cannot write {folder / LOG_NAME}: {error.strerror}") from None
        if tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            purge = resume_step if resume_bytes else None
            self._events = SummaryWriter(str(folder), purge_step=purge)

    def row(self, kind: str, values: Mapping[str, Any]) -> None:
        """Appends one JSON row and hands it to the system at once."""
        if self._file is not None:
            line = json.dumps({"kind": kind, **values}, ensure_ascii=False)
            self._file.write(line.encode() + b"\n")
            self._file.flush()

    def curves(self, prefix: str, step: int, values: Mapping[str, float]) -> None:
        """Adds points to TensorBoard's curves."""
        if self._events is not None:
            for name, value in values.items():
                self._events.add_scalar(f"{prefix}/{name}", value, step)

    def position_bytes(self) -> int:
        """Length of metrics.jsonl so far."""
        return 0 if self._file is None else int(self._file.tell())

    def close(self) -> None:
        for part in (self._file, self._events):
            if part is not None:
                part.close()
        self._file = self._events = None
