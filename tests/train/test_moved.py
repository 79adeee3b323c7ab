"""A run goes on wherever its folder has gone and whatever the working directory is."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from headrace.pipeline.errors import ConfigError, Interrupted
from headrace.train.command_line import read_command_line
from headrace.train.folder.checkpoint import load_checkpoint
from headrace.train.folder.resume import checkpoint_config
from headrace.train.processes.stop import StopRequest
from headrace.train.reporting.run_log import read_run
from headrace.train.run import run_training
from tests.train.tiny_runs import assert_same_run, settings, write_data

FREE = ("out", "save_every", "data")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory with data, an undisturbed run and one stopped after three steps, all of
    them named by relative paths."""
    place = tmp_path_factory.mktemp("place")
    write_data(place / "tiny.beton")
    data = Path("tiny.beton")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        run_training(settings(data, Path("whole")))
        asked = iter(range(1, 100))
        patch.setattr(StopRequest, "agreed", lambda *rest, **named: next(asked) == 3)
        with pytest.raises(Interrupted):
            run_training(settings(data, Path("stopped")))
    return place


@pytest.fixture
def here(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, as the working directory."""
    copy = tmp_path / "copy"
    shutil.copytree(place, copy)
    monkeypatch.chdir(copy)
    return copy


def test_a_renamed_run_goes_on_under_its_new_name(here: Path) -> None:
    Path("stopped").rename("renamed")
    run = run_training(*read_command_line(["--resume", "renamed"]))
    assert run.folder == Path("renamed")
    assert not Path("stopped").exists()
    assert_same_run(Path("whole"), Path("renamed"), FREE)
    assert load_checkpoint("renamed")["config"]["out"] == "renamed"


def test_a_moved_run_goes_on_by_its_last_pt(here: Path) -> None:
    Path("else/where").mkdir(parents=True)
    Path("stopped").rename("else/where/run")
    run_training(*read_command_line(["--resume", "else/where/run/last.pt"]))
    assert_same_run(Path("whole"), Path("else/where/run"), FREE)


def test_a_last_pt_that_was_copied_alone_becomes_a_run_that_goes_on_again(here: Path) -> None:
    """As often as it is asked, also where it bears the folder's own name."""
    Path("else/stopped").mkdir(parents=True)
    shutil.copy("stopped/last.pt", "else/stopped")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir("else")
        for epochs in ([], ["--epochs", "3"]):
            words = ["--resume", "stopped/last.pt", "--data", "../tiny.beton", *epochs]
            run_training(*read_command_line(words))
            assert len(Path("stopped/log.txt").read_text().splitlines()) == 2 + bool(epochs)


def test_a_run_goes_on_from_another_working_directory(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    run_training(*read_command_line(["--resume", "../stopped", "--data", "../tiny.beton"]))
    assert_same_run(here / "whole", here / "stopped", FREE)
    assert list(Path().iterdir()) == []


def test_from_inside_its_folder(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("stopped")
    run_training(*read_command_line(["--resume", "last.pt", "--data", "../tiny.beton"]))
    assert_same_run(here / "whole", here / "stopped", FREE)


def test_the_saved_settings_are_no_wish_for_the_old_folder(here: Path) -> None:
    Path("stopped").rename("renamed")
    config = checkpoint_config(load_checkpoint("renamed"), "renamed")
    assert config.runtime.out == "stopped"
    run_training(config, resume="renamed")
    assert_same_run(Path("whole"), Path("renamed"), FREE)


def test_a_run_without_a_checkpoint_begins_where_it_is_now(here: Path) -> None:
    Path("stopped").rename("renamed")
    for path in Path("renamed").iterdir():
        if path.name != "config.yaml":
            path.unlink()
    run_training(*read_command_line(["--resume", "renamed"]))
    assert_same_run(Path("whole"), Path("renamed"), FREE)


@pytest.mark.parametrize("out", ["other", "stopped"])
def test_an_out_that_was_given_and_is_another_folder_is_refused(out: str, here: Path) -> None:
    Path("stopped").rename("renamed")
    with pytest.raises(ConfigError, match=f"--out is {out}, but .* its own folder, renamed"):
        read_command_line(["--resume", "renamed", "--out", out])
    with pytest.raises(ConfigError, match=r"--out is other, but .* its own folder, renamed"):
        run_training(settings(Path("tiny.beton"), Path("other")), resume="renamed")
    assert not Path(out).exists()
    config, _ = read_command_line(["--resume", "renamed", "--out", f"{here}/renamed"])
    run_training(config, resume="renamed")


@pytest.mark.parametrize("saved", [True, False])
def test_data_that_has_moved_is_looked_for_by_a_report_where_it_is(saved: bool, here: Path) -> None:
    Path("tiny.beton").rename("moved.beton")
    if not saved:
        Path("stopped/last.pt").unlink()
    run_training(*read_command_line(["--resume", "stopped", "--data", "moved.beton"]))
    assert read_run(Path("stopped")).config.data.data == "moved.beton"
    assert_same_run(Path("whole"), Path("stopped"), FREE)


def test_data_that_is_not_seen_from_here_is_asked_for(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    names = sorted(path.name for path in Path("../stopped").iterdir())
    with pytest.raises(ConfigError) as error:
        run_training(*read_command_line(["--resume", "../stopped"]))
    assert str(error.value) == (
        f"cannot resume: the run's data, tiny.beton, is not there (seen from {here}/elsewhere); "
        "say where it is now with --data"
    )
    assert sorted(path.name for path in Path("../stopped").iterdir()) == names


@pytest.mark.parametrize("name", ["nothing", "images", "tiny.beton"])
def test_what_never_was_a_run_is_said_to_be_none(name: str, here: Path) -> None:
    Path("nothing").mkdir()
    Path("images").mkdir()
    Path("images/1.jpg").write_bytes(b"")
    with pytest.raises(Exception, match=r"holds no run|is no checkpoint") as error:
        read_command_line(["--resume", name])
    assert name in str(error.value)
    assert not list(here.glob("**/.run.lock"))
