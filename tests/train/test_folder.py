"""The run folder: one run at a time, nothing half done, and nothing left of a killed one."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pytest

import headrace.train.folder.folder_lock
from headrace.pipeline.atomic import remove_leftovers, replacing
from headrace.pipeline.errors import ConfigError, HeadraceError
from headrace.pipeline.locking import lock_exclusively
from headrace.train.folder import run_folder
from headrace.train.folder.folder_lock import LOCK_NAME, lock_folder
from headrace.train.folder.resume import earlier_folder
from headrace.train.folder.run_folder import (
    hold_folder,
    make_folder,
    restart_folder,
)
from headrace.train.settings.config import RunConfig
from headrace.train.settings.config_file import load_yaml
from tests.train.racing_folders import RACERS, WAYS
from tests.train.run_folders import config, content, old_run

ROOT = Path(__file__).resolve().parents[2]


def is_killed(work: Callable[[], None]) -> bool:
    """Whether a process that does this, a fork of this one, is killed in the middle of it."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def races(base: Path, seeds: range) -> None:
    command = [sys.executable, "-m", "tests.train.racing_folders", str(base), *map(str, seeds)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [race["seed"] for race in found] == list(seeds)
    for race in found:
        assert race["wrong"] == [], race
        assert race["won"] == 1, race
        assert len(race["refused"]) == RACERS - 1, race
        assert all("is being written by another run" in line for line in race["refused"]), race
        names = {"config.yaml"}
        if WAYS[race["seed"] % len(WAYS)] == "resume":
            names |= {"last.pt", "best.pt", "metrics.jsonl"}
        assert set(race["left"]) == names, race


def test_exactly_one_of_many_gets_the_folder(tmp_path: Path) -> None:
    races(tmp_path, range(6))


@pytest.mark.slow
def test_exactly_one_of_many_gets_the_folder_however_often_they_try(tmp_path: Path) -> None:
    races(tmp_path, range(6, 306))


@pytest.mark.parametrize("way", WAYS)
def test_refusal_names_the_process_and_changes_nothing(way: str, tmp_path: Path) -> None:
    folder = old_run(
        tmp_path / "run", "config.yaml", "last.pt", "metrics.jsonl", ".last.pt.12345678"
    )
    with lock_folder(folder):
        before = content(folder)
        with pytest.raises(ConfigError) as error:
            if way == "resume":
                hold_folder(folder)
            else:
                make_folder(config(folder, overwrite=way == "overwrite"))
        assert str(error.value) == (
            f"{folder} is being written by another run (process {os.getpid()}); "
            "wait for it or stop it"
        )
        assert content(folder) == before
    assert not (folder / LOCK_NAME).exists()


def test_an_empty_folder_and_one_with_hidden_files_will_do(tmp_path: Path) -> None:
    make_folder(config(old_run(tmp_path / "empty"))).close()
    folder = old_run(tmp_path / "begun", ".config.yaml.12345678", LOCK_NAME, ".gitignore")
    make_folder(config(folder)).close()
    assert {path.name for path in folder.iterdir()} == {"config.yaml", ".gitignore"}


def test_a_lock_file_without_its_process_is_in_nobodys_way(tmp_path: Path) -> None:
    folder = old_run(tmp_path / "run", "config.yaml", "last.pt")

    def lock_and_die() -> None:
        with lock_folder(folder):
            os.kill(os.getpid(), signal.SIGKILL)

    assert is_killed(lock_and_die)
    assert (folder / LOCK_NAME).exists()
    with pytest.raises(ConfigError, match="holds a run already"):
        make_folder(config(folder))
    hold_folder(folder).close()
    (folder / LOCK_NAME).write_bytes(b"\xff what is this")
    make_folder(config(folder, overwrite=True)).close()
    assert [p.name for p in folder.iterdir()] == ["config.yaml"]


def test_a_lock_file_removed_between_opening_and_locking_is_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run before ends just then, and removes the file that the next one has opened."""
    before = lock_folder(tmp_path)

    def ending(file: IO[bytes]) -> bool:
        before.close()
        return lock_exclusively(file)

    monkeypatch.setattr(headrace.train.folder.folder_lock, "lock_exclusively", ending)
    with lock_folder(tmp_path) as lock:
        lock.check()
        with pytest.raises(ConfigError, match="is being written"):
            lock_folder(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_forked_worker_that_outlives_its_run_does_not_hold_the_folder(tmp_path: Path) -> None:
    code = (
        "import os, sys, time; from pathlib import Path;"
        "from headrace.train.folder.folder_lock import lock_folder;"
        "lock = lock_folder(Path(sys.argv[1]));"
        "worker = os.fork() or (print('up', flush=True), sys.stdin.read(), os._exit(0));"
        "time.sleep(0.2); os.kill(os.getpid(), 9)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    run = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert run.stdin is not None and run.stdout is not None
    assert run.stdout.readline() == b"up\n"
    assert run.wait() == -9
    lock_folder(tmp_path).close()  # while the worker still waits for its input
    run.stdin.close()
    assert run.stdout.read() == b""
    run.stdout.close()


def test_a_folder_taken_away_is_not_written_again(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    first = make_folder(config(folder, seed=1))
    first.check()
    shutil.rmtree(folder)
    with pytest.raises(HeadraceError, match="was removed, moved or given to another run"):
        first.check()
    with make_folder(config(folder, seed=2)) as second:
        with pytest.raises(HeadraceError, match="nothing more is written there"):
            first.check()
        first.close()  # must not free the other's
        second.check()
        with pytest.raises(ConfigError, match="is being written"):
            lock_folder(folder)


def test_what_killed_saves_leave_is_removed_and_nothing_like_it(tmp_path: Path) -> None:
    ours = (".last.pt.abcdef12", ".best.pt.a_cdefg8", ".config.yaml.00000000")
    theirs = (".last.pt.short", ".last.pt.abcdef123", "last.pt.abcdef12", ".other.pt.abcdef12",
              ".last.pt.ABCDEF12", ".lastxpt.abcdef12")  # fmt: skip
    folder = old_run(tmp_path / "run", "last.pt", "config.yaml", *ours, *theirs)
    hold_folder(folder).close()
    assert {p.name for p in folder.iterdir()} == {"last.pt", "config.yaml", *theirs}
    hidden = {name for name in theirs if name.startswith(".")}  # others would be in the way
    new = old_run(tmp_path / "new", *ours, *hidden)
    make_folder(config(new)).close()  # what is left of a save is no run
    assert {p.name for p in new.iterdir()} == {"config.yaml", *hidden}


def test_replacing_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    for text in (b"one", b"two"):
        with replacing(path) as file:
            file.write(text)
            names = {p.name for p in tmp_path.iterdir()} - {"last.pt"}
        assert path.read_bytes() == text
        remove_leftovers(tmp_path, ["last.pt"])  # finds nothing
        assert [p.name for p in tmp_path.iterdir()] == ["last.pt"]
    (tmp_path / names.pop()).write_bytes(b"of a killed process")
    remove_leftovers(tmp_path, ["last.pt"])
    assert [p.name for p in tmp_path.iterdir()] == ["last.pt"]
    with pytest.raises(KeyboardInterrupt), replacing(path) as file:
        file.write(b"three")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"two"
    assert [p.name for p in tmp_path.iterdir()] == ["last.pt"]


def killed_in_make_folder(folder: Path, step: int) -> bool:
    """Whether a process that makes the folder anew comes to its step of that number, and dies."""
    steps = itertools.count()

    def dying(real: Callable[..., Any]) -> Callable[..., Any]:
        def do(*arguments: Any, **named: Any) -> Any:
            if next(steps) == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **named)

        return do

    def make() -> None:
        patch = pytest.MonkeyPatch()
        for place, name in ((Path, "unlink"), (Path, "replace"), (run_folder, "dump_yaml")):
            patch.setattr(place, name, dying(getattr(place, name)))
        make_folder(config(folder, overwrite=True, seed=2))

    return is_killed(make)


@pytest.mark.parametrize(
    "step", [0, 3, *(pytest.param(step, marks=pytest.mark.slow) for step in (1, 2, 4, 5))]
)
def test_a_folder_that_was_being_replaced_can_be_resumed_or_replaced(
    step: int, tmp_path: Path
) -> None:
    """However far --overwrite came, what is left is the old run, or its beginning."""
    folder = tmp_path / "run"
    make_folder(config(folder, seed=1)).close()
    for name in ("last.pt", "best.pt", "metrics.jsonl", "events.out.tfevents.1"):
        (folder / name).write_text("old")
    assert killed_in_make_folder(folder, step)
    assert earlier_folder(str(folder)) == folder  # --resume finds something
    assert load_yaml(folder / "config.yaml").runtime.seed == 1
    if step:
        assert not (folder / "last.pt").exists()  # never one with another run's files beside it
    with pytest.raises(ConfigError, match=f"continue it with `.*train.* --resume {folder}`, name"):
        make_folder(config(folder))
    with hold_folder(folder) as lock:
        restart_folder(lock)
        assert {p.name for p in folder.iterdir()} == {"config.yaml", LOCK_NAME}
    assert not killed_in_make_folder(folder, 99)
    assert load_yaml(folder / "config.yaml").runtime.seed == 2


@pytest.mark.parametrize("step", range(2))
def test_a_folder_without_settings_is_no_run_yet(step: int, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert killed_in_make_folder(folder, step)
    assert folder.is_dir()
    with pytest.raises(ConfigError, match=rf"holds no run: neither last\.pt nor .*--out {folder}"):
        earlier_folder(str(folder))
    make_folder(config(folder)).close()
    assert earlier_folder(str(folder)) == folder


def test_a_folder_that_cannot_be_written_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = old_run(tmp_path / "run", "last.pt", "config.yaml")

    def denied(path: Path, *rest: object) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "open", denied)
    for way, advice in (
        (lambda: hold_folder(folder), "go on with a copy of it that may be written"),
        (lambda: make_folder(config(folder, overwrite=True)), "name one .* with --out"),
    ):
        message = f"cannot write the run folder: .*denied; {advice}"
        with pytest.raises(ConfigError, match=message) as error:
            way()
        assert "\n" not in str(error.value)


def test_numbered_folders_are_held_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with make_folder(RunConfig()) as first, make_folder(RunConfig()) as second:
        assert first.folder != second.folder
        with pytest.raises(ConfigError, match="is being written"):
            lock_folder(tmp_path / first.folder)
