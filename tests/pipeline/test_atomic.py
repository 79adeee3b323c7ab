"""Files that are complete or not there, and the syncing of folders that makes their names last."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from headrace.pipeline.atomic import remove_leftovers, replacing, shortened, sync_folder
from headrace.tools.pack import main as pack
from tests.builders import jpeg_bytes, photo

pytestmark = pytest.mark.skipif(os.name != "posix", reason="folders are synced on POSIX alone")


def folders_fail(patch: pytest.MonkeyPatch, code: int) -> None:
    """Syncing a folder fails in the way of `code`; files are as ever."""
    real = os.fsync

    def fsync(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(code, os.strerror(code))
        real(handle)

    patch.setattr(os, "fsync", fsync)


def images(folder: Path) -> Path:
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "x.jpg").write_bytes(jpeg_bytes(photo(1, 30, 30)))
    return folder


@pytest.mark.parametrize("out", ["o.beton", "o.tar", "o/"])
def test_a_file_system_that_cannot_sync_folders_fails_nothing(
    out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = images(tmp_path / "in")
    folders_fail(monkeypatch, errno.EINVAL)
    assert pack([str(source), f"{tmp_path}/{out}"]) == 0
    with replacing(tmp_path / "note") as file:
        file.write(b"text")
    assert (tmp_path / "note").read_bytes() == b"text"


@pytest.mark.parametrize("out", ["o.beton", "o.tar", "o/"])
def test_a_disk_that_fails_is_told(
    out: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = images(tmp_path / "in")
    folders_fail(monkeypatch, errno.EIO)
    with pytest.raises(OSError, match="Input/output error"):
        pack([str(source), f"{tmp_path}/{out}"])
    with pytest.raises(OSError, match=str(tmp_path)), replacing(tmp_path / "note") as file:
        file.write(b"text")


def test_a_folder_that_may_not_be_read_is_left_unsynced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    sync_folder(tmp_path)


def test_an_error_names_a_path_and_no_object(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as told, replacing(tmp_path / "nowhere" / "x"):
        pass
    assert f"'{tmp_path}/nowhere/.x." in str(told.value) and "Path(" not in str(told.value)


def test_names_as_long_as_the_file_system_takes(tmp_path: Path) -> None:
    """That of the file that is written first is not longer, and is found when it is left over."""
    for name in ("n" * 255, "ä" * 127, os.fsdecode(b"\xff" * 255)):
        path = tmp_path / name
        with replacing(path) as file:
            (beside,) = tmp_path.iterdir()
            file.write(b"text")
        assert path.read_bytes() == b"text" and len(os.fsencode(beside.name)) < 143
        path.rename(beside)  # as a killed process leaves it
        remove_leftovers(tmp_path, ["other"])
        assert beside.exists()
        remove_leftovers(tmp_path, [name])
        assert not list(tmp_path.iterdir())


def test_long_names_that_begin_alike_stay_apart() -> None:
    one, other = ("n" * 200 + end for end in "xy")
    assert shortened(one) != shortened(other) and shortened(one) == shortened(one)
    assert shortened("short.csv") == "short.csv"
