"""The command that makes a report."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from headrace.pipeline.errors import ConfigError
from headrace.tools.report import main
from headrace.train.settings.config import RunConfig
from headrace.train.settings.config_file import dump_yaml


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run whose data is gone, which is all that the command needs."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "config.yaml").write_text(dump_yaml(RunConfig()))
    row = {"train_loss": 1.0, "train_accuracy": 0.5, "lr": 0.1, "images_per_s": 10.0,
           "data_wait": 0.1, "seconds": 2.0, "val_loss": 1.0, "val_accuracy": 0.25}  # fmt: skip
    lines = [{"kind": "epoch", "epoch": 0, "global_step": 3, **row}]
    (folder / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return folder


def test_of_one_run_it_is_in_its_folder(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(run)])
    assert capsys.readouterr().out.splitlines() == [
        f"wrote {run / 'report.html'}",
        f"next: headrace predict {run} NEW_IMAGES --csv answer.csv",
    ]
    assert b"25.0%" in (run / "report.html").read_bytes()


def test_of_several_it_is_where_one_is(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    main([str(run), str(run)])
    assert b"run (1)" in (tmp_path / "report.html").read_bytes()
    main([str(run), "--out", "other.html"])
    assert (tmp_path / "other.html").is_file()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "expected at least one RUN"),
        (["nothing"], "nothing does not exist; name a run folder of"),
        (["RUN", "--out", "report.pdf"], "--out report.pdf: expected a name that ends in .html"),
        (["RUN", "--out", "nowhere/report.html"], "the folder nowhere does not exist"),
        (["RUN", "--points", "1"], "--points is 1, expected 2 to 3000"),
        (["RUN", "--preset", "food12"], "--preset food12: "),
    ],
)
def test_what_makes_no_sense_is_one_line(flags: list[str], message: str, run: Path) -> None:
    given = [str(run) if flag == "RUN" else flag for flag in flags]
    with pytest.raises(ConfigError, match=message) as caught:
        main(given)
    assert "\n" not in str(caught.value)


def test_a_folder_that_cannot_be_written_names_the_way_out(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write everywhere
    with pytest.raises(ConfigError, match=r"no permission to write .* name another file"):
        main([str(run)])
