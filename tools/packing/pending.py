"""Outputs that appear under their own names only when they are complete."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from headrace.pipeline.atomic import sync_folder
from headrace.pipeline.errors import ConfigError
from headrace.tools.packing.claim import Claim
from headrace.tools.packing.output import Output, check_output
from headrace.tools.packing.renames import rename_new
from headrace.tools.packing.swap import settle, swap_in


class PendingFile:
    """Writes `NAME.part` beside the file; `commit` gives it its name, leaving removes it.

    Args:
        out: of the kind `file`; looked at again here, when no other run can write it any more.

    Attributes:
        file: open for writing. Its first bytes say that it is unfinished and have to be
            overwritten.

    Raises:
        ConfigError: the output may not be written; see Claim and check_output.
        OSError: it cannot be.
    """

    def __init__(self, out: Output) -> None:
        self.out = out
        self._claim = Claim(out.path)
        self.file: BinaryIO = self._claim.file
        try:
            check_output(out, claimed=True)
        except BaseException:
            self._claim.release()
            raise

    def commit(self) -> None:
        """Forces the bytes to the disk, then renames.

        Raises:
            ConfigError: somebody has taken the name meanwhile.
            OSError: the disk is full, or the name cannot be changed.
        """
        self.file.flush()
        os.fsync(self.file.fileno())
        self._claim.check()
        if self.out.force:
            self._claim.part.replace(self.out.path)
        else:
            try:
                rename_new(self._claim.part, self.out.path)
            except FileExistsError:
                raise ConfigError(f"{self.out.path} exists; pass --force to replace it") from None
        self._claim.forget()
        sync_folder(self.out.path.parent)

    def __enter__(self) -> PendingFile:
        return self

    def __exit__(self, *_: object) -> None:
        if not self.file.closed:
            self._claim.release()


class PendingShards:
    """Writes a folder of shards, or a single .tar and the files beside it, in a folder of its own.

    The file `NAME.part` claims the name; the folder's name begins with it.

    Args:
        out: of the kind `folder` or `tar`; looked at again here, when no other run can write it.

    Attributes:
        folder: where to write.

    Raises:
        ConfigError: the output may not be written; see Claim and check_output.
        OSError: it cannot be.
    """

    def __init__(self, out: Output) -> None:
        self.out = out
        self._claim = Claim(out.path)
        new = self._claim.work / "new"
        self.folder = new if out.kind == "tar" else new / out.path.name
        try:
            check_output(out, claimed=True)
            self.folder.mkdir(parents=True)
        except BaseException:
            self._leave()
            raise

    def commit(self) -> None:
        """Forces everything to the disk, then moves it to its place.

        Raises:
            ConfigError: somebody has taken a name meanwhile.
            OSError: the disk is full, or a name cannot be changed.
        """
        for file in self.folder.iterdir():
            _sync_file(file)
        sync_folder(self.folder)
        self._claim.check()
        check_output(
            self.out, claimed=True
        )  # it may have come, or have been added to, in all that time
        swap_in(self.out.path, self._claim.work, self.out.force)

    def __enter__(self) -> PendingShards:
        return self

    def __exit__(self, *_: object) -> None:
        self._leave()

    def _leave(self) -> None:
        try:
            settle(self.out.path, self._claim.work)
        except BaseException:
            self._claim.keep()
            raise
        if self._claim.work.exists():  # something in it could not be removed
            self._claim.keep()
        else:
            self._claim.release()


def _sync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
