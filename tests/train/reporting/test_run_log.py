"""What is read of a run folder, and of what is left of one."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.pipeline.errors import ConfigError
from headrace.train.reporting.run_log import read_run
from tests.train.reporting.made_up_runs import epochs, write_folder


def test_a_finished_run(hostile_run: Path) -> None:
    log = read_run(hostile_run)
    assert len(log.epochs) == 3 and len(log.steps) == 9 and log.end is not None
    assert log.gaps == [] and log.total_seconds == log.end["seconds"]["total"]
    assert log.best is not None and log.best["epoch"] == log.end["best_epoch"]
    assert log.start["environment"]["python"]
    assert read_run(hostile_run / "best.pt").folder == hostile_run


@pytest.mark.parametrize(
    ("by", "name", "values", "best"),
    [
        ("accuracy", "val_accuracy", [0.1, 0.3, 0.3, 0.2], 1),
        ("loss", "val_loss", [3.0, 1.0, 2.0], 1),
        ("ece", "val_ece", [0.2, 0.1], 1),
        ("auroc", "val_auroc", [None, 0.2, None], 1),
        ("auroc", "val_auroc", [None, None], 0),
    ],
)
def test_the_best_epoch_is_the_runs_own(
    by: str, name: str, values: list[float | None], best: int, tmp_path: Path
) -> None:
    log = read_run(write_folder(tmp_path / "run", epochs(values, name), best_by=by))
    assert log.best is not None and log.best["epoch"] == best
    assert log.ends_s() == [2.0 * (i + 1) for i in range(len(values))]


def test_a_run_that_was_cut_off_in_the_middle_of_a_line(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "run", epochs([0.1, 0.2]), epochs=9)
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('{"kind": "ep')
    log = read_run(folder)
    assert len(log.epochs) == 2 and log.end is None and log.seconds == {}
    assert log.total_seconds == 4.0
    assert log.gaps == [
        "The run has no last row: it was cut off, or is still going on. 2 of 9 epochs are done."
    ]


def test_lines_that_are_damaged_are_counted(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "run", epochs([0.1]))
    (folder / "metrics.jsonl").write_text("nonsense\n" + (folder / "metrics.jsonl").read_text())
    assert read_run(folder).gaps[0].startswith("1 lines of metrics.jsonl cannot be read")


def test_settings_come_from_the_log_where_the_file_is_gone(
    hostile_run: Path, tmp_path: Path
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/metrics.jsonl").write_bytes((hostile_run / "metrics.jsonl").read_bytes())
    assert read_run(tmp_path / "run").config == read_run(hostile_run).config


def test_what_is_no_run_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path, message in (
        (tmp_path, "is no run folder: it holds neither config.yaml nor metrics.jsonl"),
        (tmp_path / "nothing", "does not exist; name a run folder"),
        (tmp_path / "file", "is a file; name a run folder"),
    ):
        with pytest.raises(ConfigError, match=message):
            read_run(path)
