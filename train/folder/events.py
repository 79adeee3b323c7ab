"""A run's TensorBoard events: curves and pictures, and one line where they cannot be written.

TensorBoard writes in a thread of its own, which shows a traceback when it fails; what failed is
raised again at the next point, or at the end.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from headrace.pipeline.unwritable import writing


class Events:
    """TensorBoard's writer for a run folder.

    Args:
        folder: the run's.
        purge_step: points from this global step on, of an earlier process, are not shown any more;
            None keeps all.

    Attributes:
        writer: torch's SummaryWriter, for what is no curve.

    Raises:
        FailedError: here and in every method, if the disk is full.
    """

    def __init__(self, folder: Path, purge_step: int | None) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._folder = folder
        self._folder_handle: int | None = None
        self._hook: Callable[[threading.ExceptHookArgs], Any] | None = threading.excepthook
        threading.excepthook = self._quiet
        try:
            with self._told():
                self.writer: Any = SummaryWriter(self._as_text(folder), purge_step=purge_step)
        except BaseException:
            self._let_go()
            raise

    def curves(self, prefix: str, step: int, values: Mapping[str, float]) -> None:
        """Adds points."""
        with self._told():
            for name, value in values.items():
                self.writer.add_scalar(f"{prefix}/{name}", value, step)

    def close(self) -> None:
        try:
            with self._told():
                self.writer.close()
        finally:
            self._let_go()

    def _told(self) -> AbstractContextManager[None]:
        where = self._folder / "events.out.tfevents..."
        return writing(where, "or train without them: --no-tensorboard")

    def _quiet(self, failed: threading.ExceptHookArgs) -> None:
        """Shows what fails in other threads, and leaves out what is raised here again."""
        from tensorboard.summary.writer import event_file_writer

        ours = failed.thread is not None and type(failed.thread).__module__ == (
            event_file_writer.__name__
        )
        if not ours and self._hook is not None:
            self._hook(failed)

    def _let_go(self) -> None:
        if threading.excepthook == self._quiet and self._hook is not None:
            threading.excepthook = self._hook
        if self._folder_handle is not None:
            os.close(self._folder_handle)
            self._folder_handle = None

    def _as_text(self, folder: Path) -> str:
        """A name of the folder that is UTF-8, for TensorBoard knows no other."""
        try:
            str(folder).encode()
        except UnicodeEncodeError:
            # Other bytes occur on Linux alone, which names every open folder by a number too.
            self._folder_handle = os.open(folder, os.O_RDONLY)
            return f"/proc/self/fd/{self._folder_handle}"
        return str(folder)
