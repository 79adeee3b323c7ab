"""A disk that is full when a run writes: one line that names the file and what to do, the status of
what could not be done, nothing half; and the run is resumed later."""

from __future__ import annotations

import errno
import io
import os
import re
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import torch

from headrace.pipeline import atomic
from headrace.pipeline.errors import ConfigError, FailedError
from headrace.train.folder.checkpoint import load_checkpoint, save_checkpoint
from headrace.train.folder.journal import Journal
from headrace.train.folder.run_folder import writing_folder
from headrace.train.hooks.text_log import TextLog
from headrace.train.progress import Progress
from headrace.train.run import run_training
from tests.train.tiny_runs import settings

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 1 << 19
"""Bytes of a file at most: room for settings and journal, not for weights."""
TRAIN = """
import resource, sys
from pathlib import Path
from headrace.pipeline.command_line import run_command
from headrace.train.run import run_training
from tests.train.tiny_runs import settings

resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
run_command(lambda: run_training(settings(Path(sys.argv[1]), Path(sys.argv[2]), epochs=1)) and 0)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on a file's size there")
def test_a_full_disk_is_one_line_and_leaves_nothing_half(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    run = subprocess.run(
        [sys.executable, "-c", TRAIN, str(data), str(folder), str(LIMIT)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 1, run.stderr
    assert run.stderr.splitlines()[-1] == (
        f"error: cannot write {folder / 'best.pt'}: File too large; its disk, or a limit of the "
        "shell (ulimit -f), takes no file of that size; an earlier one stays as it was"
    )
    assert "Traceback" not in run.stderr
    assert not list(folder.glob("*.pt")) and not list(folder.glob(".*.pt*"))
    run_training(settings(data, folder, epochs=1), resume="auto")
    assert load_checkpoint(folder)["progress"]["epoch"] == 1


def test_an_earlier_checkpoint_stays_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """torch makes an error of its own of what the system says in the middle of a file."""
    path = tmp_path / "last.pt"
    content = dict.fromkeys(("model", "classes", "preprocess", "config"), 0)
    save_checkpoint(path, {**content, "weights": torch.zeros(1 << 16)})
    before = path.read_bytes()
    no_room_after(monkeypatch, 1 << 17)
    with pytest.raises(FailedError) as error:
        save_checkpoint(path, {**content, "weights": torch.ones(1 << 16)})
    assert str(error.value) == (
        f"cannot write {path}: No space left on device; make room there, or name a place on "
        "another disk; an earlier one stays as it was"
    )
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["last.pt"]


def no_room_after(monkeypatch: pytest.MonkeyPatch, num_bytes: int) -> None:
    """Of each file that is replaced as many bytes reach the disk, and no more."""

    class FullDisk(io.FileIO):
        def write(self, data: Any) -> int:
            if self.tell() + len(memoryview(data)) > num_bytes:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return super().write(data)

    monkeypatch.setattr(atomic, "FileIO", FullDisk)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk that is always full there")
@pytest.mark.parametrize("name", ["metrics.jsonl", "log.txt"])
def test_a_full_disk_under_a_log_is_told(tmp_path: Path, name: str) -> None:
    text_log = TextLog(tmp_path / "log.txt", 1, 0)
    (tmp_path / name).symlink_to("/dev/full")
    wanted = f"cannot write {tmp_path / name}: No space left on device; make room there"
    with pytest.raises(FailedError, match=re.escape(wanted)):
        if name == "log.txt":
            row = {"epoch": 0, "train_loss": 1.0, "train_accuracy": 0.5}
            text_log.after_epoch(Progress(), row, False)
        else:
            Journal(tmp_path, enabled=True, tensorboard=False).row("start", {"a": 1})


EVENTS = """
import resource, sys
from pathlib import Path
from headrace.pipeline.command_line import run_command
from headrace.train.folder.journal import Journal

def main():
    room = int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
    journal = Journal(Path(sys.argv[1]), enabled=True, tensorboard=True)
    for step in range(2000):
        journal.curves("train", step, {"loss": 1.0})
    journal.close()

run_command(main)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on a file's size there")
@pytest.mark.parametrize("room", [10, 500, 20_000])
def test_a_full_disk_under_tensorboard_is_one_line(tmp_path: Path, room: int) -> None:
    """Its writer is a thread, which would show a traceback, and say why once more at the end."""
    pytest.importorskip("tensorboard")
    run = subprocess.run(
        [sys.executable, "-c", EVENTS, str(tmp_path), str(room)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 1
    assert run.stderr == (
        f"error: cannot write {tmp_path}/events.out.tfevents...: File too large; its disk, or a "
        "limit of the shell (ulimit -f), takes no file of that size; or train without them: "
        "--no-tensorboard\n"
    )


def test_a_hook_for_threads_is_given_back(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    before = threading.excepthook
    journal = Journal(tmp_path, enabled=True, tensorboard=True)
    journal.close()
    assert threading.excepthook == before


def test_what_ended_a_run_is_not_hidden_by_what_cannot_be_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full() -> None:
        raise FailedError("cannot write events")

    with pytest.raises(ZeroDivisionError), ExitStack() as stack:
        journal = Journal(tmp_path, enabled=True, tensorboard=True)
        stack.push(journal.close)
        assert journal._events is not None
        journal._events.close()
        monkeypatch.setattr(journal._events, "close", full)
        raise ZeroDivisionError


def test_a_full_disk_under_a_new_folder_is_no_mistake_of_the_user(tmp_path: Path) -> None:
    with pytest.raises(FailedError, match=re.escape(f"cannot write {tmp_path}: No space")):
        with writing_folder(tmp_path):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(ConfigError, match=r"cannot write the run folder: .*denied"):
        with writing_folder(tmp_path):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
