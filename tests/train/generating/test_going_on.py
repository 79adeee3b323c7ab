"""Trainings of a generator that end early and go on, to the bit."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import headrace.train.generate
from headrace.pipeline.errors import ConfigError, Interrupted
from headrace.pipeline.flat_settings import to_flat
from headrace.train.folder.folder_lock import lock_folder
from headrace.train.generate import main as generate
from headrace.train.generating import fit as fitting
from headrace.train.generating.fit import fit
from headrace.train.generating.fit_state import Fit
from headrace.train.generating.generator_file import read_generator_file
from headrace.train.generating.settings import FitConfig
from tests.train.generating.tiny_fits import fit_config, going_on
from tests.train.tiny_runs import assert_same, rows


@pytest.mark.parametrize("kind", ["flow", "gan"])
def test_a_training_goes_on_to_the_same_weights(
    kind: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = fit(fit_config(data, tmp_path / "whole", kind=kind))
    longer = fit(fit_config(data, tmp_path / "longer", kind=kind, epochs=1))
    fit(going_on(longer, epochs=2))

    class Stop(fitting.StopRequest):
        requested = True

        def __init__(self) -> None:
            self._previous = {}

    with monkeypatch.context() as patched:
        patched.setattr(fitting, "StopRequest", Stop)
        with pytest.raises(Interrupted, match=r"saved at step 1; go on with `.* --resume "):
            fit(fit_config(data, tmp_path / "stopped", kind=kind))
    stopped = fit(going_on(tmp_path / "stopped"))
    asked = torch.load(whole / "last.pt", weights_only=True)
    for folder in (longer, stopped):
        found = torch.load(folder / "last.pt", weights_only=True)
        assert_same(found["training"], asked["training"])
        assert_same(found["weights"], asked["weights"])
        steps = [row["step"] for row in rows(folder, "steps")]
        assert steps == sorted(set(steps))


@pytest.mark.parametrize(
    ("key", "wrong"), [("training", {}), ("training", "moments"), ("seconds", 3.5)]
)
def test_a_state_of_another_kind_is_named_before_a_step(
    key: str, wrong: Any, fitted: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(fitted, folder)
    content = torch.load(folder / "last.pt", weights_only=True)
    if wrong == "moments":
        wrong = content["training"]
        wrong["optimizer"]["state"][0]["exp_avg"] = torch.zeros(3, 99)
    torch.save({**content, key: wrong}, folder / "last.pt")
    with pytest.raises(
        ConfigError, match=f"cannot resume {folder}: {key} of its checkpoint is not"
    ):
        fit(going_on(folder, epochs=3))


def test_a_limit_of_time_ends_a_training_and_more_goes_on_with_it(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = fit(fit_config(data, tmp_path / "whole"))
    (end,) = rows(whole, "end")
    assert end["reason"] == "epochs" and (end["epoch"], end["step"]) == (2, 10)

    def a_minute_a_step(run: Fit) -> bool:
        return run.config.max_minutes is not None and run.step >= run.config.max_minutes

    monkeypatch.setattr(Fit, "out_of_time", property(a_minute_a_step))
    folder = fit(fit_config(data, tmp_path / "run", max_minutes=3, save_every=9))
    (end,) = rows(folder, "end")
    assert end["reason"] == "max_minutes" and (end["epoch"], end["step"]) == (0, 3)
    assert rows(folder, "steps")[-1]["step"] == 3
    said = capsys.readouterr().out
    assert "ended by --max-minutes 3, 0 of 2 epochs are done; go on with `" in said
    assert f"fit --resume {folder} --max-minutes 6`" in said
    fit(going_on(folder, max_minutes=5))  # to the end of an epoch
    (end,) = rows(folder, "end")
    assert (end["reason"], end["epoch"], end["step"]) == ("max_minutes", 1, 5)
    fit(going_on(folder, max_minutes=99))
    (end,) = rows(folder, "end")
    assert (end["reason"], end["epoch"], end["step"]) == ("epochs", 2, 10)
    asked, found = (torch.load(run / "last.pt", weights_only=True) for run in (whole, folder))
    assert_same(found["training"], asked["training"])


def test_a_flag_given_to_go_on_counts_also_where_it_is_the_usual_value(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = fit(fit_config(data, tmp_path / "run", epochs=1, warmup_steps=3, max_minutes=9))
    asked: list[FitConfig] = []

    def noted(config: FitConfig) -> Path:
        asked.append(config)
        return folder

    with monkeypatch.context() as patched:
        patched.setattr(headrace.train.generate, "fit", noted)
        words = f"fit --resume {folder} --epochs 100 --max-minutes None --no-report"
        patched.setattr("sys.argv", ["generate.py", *words.split()])
        generate()
    (config,) = asked
    assert (config.epochs, config.max_minutes, config.report) == (100, None, False)
    assert (config.size, config.warmup_steps, config.data) == (16, 3, str(data))
    for name, value in (("warmup_steps", 200), ("size", 32)):  # as usual, and not as they were
        with pytest.raises(ConfigError, match=f"a changed --{name.replace('_', '-')} "):
            fit(going_on(folder, **{name: value}))
    with pytest.raises(ConfigError, match="but a resumed run goes on in its own folder"):
        fit(going_on(folder, out=str(tmp_path / "other")))


def test_what_was_asked_for_holds_where_a_training_dies_before_it_is_saved_with_it(
    data: Path, fitted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(_: Fit) -> None:
        raise RuntimeError("killed")

    folder = tmp_path / "run"
    shutil.copytree(fitted, folder)
    with monkeypatch.context() as patched:
        patched.setattr(fitting, "save", die)
        with pytest.raises(RuntimeError, match="killed"):
            fit(going_on(folder, epochs=5, max_minutes=9.0, log_every=1))
    assert read_generator_file(folder / "last.pt")["config"]["epochs"] == 2
    config = going_on(folder)
    assert (config.epochs, config.max_minutes) == (5, 9.0)
    said = yaml.safe_load((folder / "config.yaml").read_text())
    for others in ({**said, "seed": 1}, {**said, "epochs": "more"}, {"epochs": 7}, {}):
        (folder / "config.yaml").write_text(yaml.safe_dump(others))
        assert going_on(folder).epochs == 2


def test_a_training_goes_on_from_the_file_that_was_named(fitted: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(fitted, folder)
    (folder / "last.pt").rename(folder / "old.pt")
    fit(going_on(folder / "old.pt", epochs=3))
    assert read_generator_file(folder / "last.pt")["progress"]["epoch"] == 3
    assert read_generator_file(folder / "old.pt")["progress"]["epoch"] == 2
    with pytest.raises(ConfigError, match=r"generator\.pt cannot be resumed: it lacks training"):
        fit(going_on(folder / "generator.pt", epochs=4))


def test_a_limit_that_has_passed_is_refused_and_changes_nothing(data: Path, tmp_path: Path) -> None:
    folder = fit(fit_config(data, tmp_path / "run", max_minutes=1e-9))
    log = (folder / "metrics.jsonl").read_bytes()
    assert [row["step"] for row in rows(folder, "steps")] == [1]
    with pytest.raises(ConfigError, match=r"--max-minutes is 1e-09, and .* are done already"):
        fit(going_on(folder))
    assert (folder / "metrics.jsonl").read_bytes() == log
    with pytest.raises(ConfigError, match=r"max.minutes is 0, expected above 0"):
        FitConfig(max_minutes=0)


def test_a_training_that_was_never_saved_is_begun_again(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with pytest.raises(ConfigError, match="does not exist; give a run folder"):
        going_on(folder)
    folder.mkdir()
    (folder / "config.yaml").write_text(yaml.safe_dump(to_flat(FitConfig())))
    with pytest.raises(ConfigError, match=f"begin it again with --out {folder} --overwrite"):
        going_on(folder)
    fit(fit_config(data, folder, epochs=1, overwrite=True))
    assert going_on(folder).epochs == 1


def test_a_folder_that_a_training_holds_is_not_gone_on_with(fitted: Path) -> None:
    with lock_folder(fitted), pytest.raises(ConfigError, match="is being written by another run"):
        fit(going_on(fitted, epochs=3))
