"""Kept rows: given back for what they were asked for, and for nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.bench.core.flag_values import check_out
from headrace.bench.core.kept_row import Row, measured_once
from headrace.pipeline.errors import ConfigError, Interrupted


def never() -> Row:
    raise AssertionError("measured again")


def test_a_row_comes_back_for_what_was_asked(tmp_path: Path) -> None:
    asked = {"epochs": 2, "out": tmp_path, "sizes": (1, 2), "none": None}
    folder = tmp_path / "out" / "run.1"
    assert measured_once(folder, asked, lambda: {"accuracy": 0.5}) == {"accuracy": 0.5}
    assert measured_once(folder, asked, never) == {"accuracy": 0.5}
    assert measured_once(folder.with_name("run.2"), asked, lambda: {"b": 1}) == {"b": 1}


def test_a_row_of_other_settings_is_refused(tmp_path: Path) -> None:
    measured_once(tmp_path / "run", {"epochs": 2, "lr": 0.1, "a": 1, "b": 2}, dict)
    with pytest.raises(ConfigError, match=r"\(epochs was 2, now 3\): give another --out"):
        measured_once(tmp_path / "run", {"epochs": 3, "lr": 0.1, "a": 1, "b": 2}, never)
    with pytest.raises(ConfigError, match=r"a was 1, now None, b was 2, now None, .* and 1 more"):
        measured_once(tmp_path / "run", {"epochs": 3}, never)


@pytest.mark.parametrize(
    "text",
    [
        '{"accuracy": 0.5}',
        '{"asked": {"epo',
        "[]",
        "",
        '{"asked": [1]}',
        '{"asked": null}',
        "[" * 100_000,
    ],
    ids=range(7),
)
def test_a_row_that_does_not_say_what_was_asked_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(ConfigError, match=r"run\.json does not say which settings.*delete"):
        measured_once(tmp_path / "run", {"epochs": 2}, never)


def test_an_interrupted_run_begins_anew_and_others_are_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "run"

    def interrupted() -> Row:
        folder.mkdir()
        (folder / "log.txt").write_text("begun")
        raise Interrupted("go on with --resume")

    with pytest.raises(Interrupted, match=r"the same command goes on .*run begins anew"):
        measured_once(folder, {"epochs": 2}, interrupted)
    with pytest.raises(ConfigError, match="epochs was 2, now 3"):
        measured_once(folder, {"epochs": 3}, never)
    assert measured_once(folder, {"epochs": 2}, lambda: {"a": 1}) == {"a": 1}
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    with pytest.raises(ConfigError, match="theirs is not of this benchmark: move it"):
        measured_once(theirs, {"epochs": 2}, never)


def test_a_file_is_no_folder_of_runs(tmp_path: Path) -> None:
    (tmp_path / "a.beton").touch()
    with pytest.raises(ConfigError, match=r"--out .*a\.beton is a file; name a folder"):
        check_out(tmp_path / "a.beton")
    check_out(tmp_path / "not there yet")
