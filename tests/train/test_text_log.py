"""log.txt: one line an epoch, whatever the run went through."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import headrace.train.loop
from headrace.pipeline.errors import ConfigError, Interrupted
from headrace.train.hooks.text_log import TextLog
from headrace.train.progress import Progress
from headrace.train.run import run_training
from headrace.train.state import Run
from tests.train.test_loop import Crash, crash_after, stop_after
from tests.train.tiny_runs import rows, settings


def lines(folder: Path) -> list[str]:
    return (folder / "log.txt").read_text().splitlines()


def expected(folder: Path, epochs: int) -> list[str]:
    """The lines as the rows of metrics.jsonl have them; the first of the best is the best."""
    found, best = [], -1.0
    for row in rows(folder, "epoch"):
        mark = " -> best" if row["val_accuracy"] > best else ""
        best = max(best, row["val_accuracy"])
        place = f"[ Valid | {row['epoch'] + 1:03d}/{epochs:03d} ]"
        loss, accuracy = row["val_loss"], row["val_accuracy"]
        found.append(f"{place} loss = {loss:.5f}, acc = {accuracy:.5f}{mark}")
    return found


def test_it_is_the_homeworks(tmp_path: Path) -> None:
    log = TextLog(tmp_path / "log.txt", 24, 0)
    row = {"epoch": 4, "train_loss": 1.25, "train_accuracy": 0.5}
    log.after_epoch(Progress(), {**row, "val_loss": 2.0, "val_accuracy": 0.123456}, True)
    log.after_epoch(Progress(), row, False)
    assert lines(tmp_path) == [
        "[ Valid | 005/024 ] loss = 2.00000, acc = 0.12346 -> best",
        "[ Train | 005/024 ] loss = 1.25000, acc = 0.50000",
    ]
    TextLog(None, 24, 0).after_epoch(Progress(), row, True)


@pytest.mark.parametrize("how", ["stopped", "killed before the save"])
def test_a_resumed_run_has_each_epoch_once(
    how: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        if how == "stopped":
            stop_after(9, patch)
            with pytest.raises(Interrupted):
                run_training(settings(data, folder, epochs=3))
            assert len(lines(folder)) == 1
        else:
            # The second epoch is logged, and the run is gone before last.pt knows of it.
            times = iter(range(2))
            save = headrace.train.loop.save_last

            def save_once(run: Run) -> None:
                if next(times):
                    raise Crash
                save(run)

            patch.setattr(headrace.train.loop, "save_last", save_once)
            with pytest.raises(Crash):
                run_training(settings(data, folder, epochs=3))
            assert len(lines(folder)) == 2
    run_training(settings(data, folder, epochs=3), resume=str(folder))
    assert lines(folder) == expected(folder, 3)
    assert len(lines(folder)) == 3


def test_longer_again_and_from_the_start(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    run_training(settings(data, folder, epochs=1))
    run_training(settings(data, folder, epochs=2), resume=str(folder))
    assert [line[10:17] for line in lines(folder)] == ["001/001", "002/002"]
    run_training(settings(data, folder, epochs=1, overwrite=True))
    assert lines(folder) == expected(folder, 1)
    other = tmp_path / "other"
    with monkeypatch.context() as patch:
        crash_after(2, patch)
        with pytest.raises(Crash):
            run_training(settings(data, other, epochs=1, val_split="none"))
    run_training(settings(data, other, epochs=1, val_split="none"), resume=str(other))
    (only,) = lines(other)  # nothing is held out, and so nothing best
    assert re.fullmatch(r"\[ Train \| 001/001 \] loss = [\d.]+, acc = [\d.]+", only)


def test_anothers_log_is_no_run(data: Path, tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text("mine")
    with pytest.raises(ConfigError, match=r"is not empty and holds no run: there is log\.txt"):
        run_training(settings(data, tmp_path, epochs=1, overwrite=True))
    assert (tmp_path / "log.txt").read_text() == "mine"
