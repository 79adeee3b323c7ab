"""--log: what a service is told, and that its failures are not the run's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import headrace.train.hooks.build
import headrace.train.trackers
from headrace.pipeline.errors import ConfigError, MissingPackageError
from headrace.train.run import run_training
from headrace.train.trackers import TRACKERS, About
from tests.train.tiny_runs import assert_same_run, rows, settings

ONE = {"epochs": 1, "report": False}


class Service:
    """One that remembers, in the place of a real one; `fails` names the call that does not work."""

    def __init__(self, fails: str = "") -> None:
        self.fails = fails
        self.began: list[About] = []
        self.points: list[tuple[int, dict[str, float]]] = []
        self.closed: list[bool] = []
        self.run_id = "run 1"

    def open(self, name: str, about: About) -> Service:
        self._fail("open")
        self.began.append(about)
        return self

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self._fail("log")
        self.points.append((step, dict(values)))

    def close(self, complete: bool) -> None:
        self._fail("close")
        self.closed.append(complete)

    def _fail(self, call: str) -> None:
        if call == self.fails:
            raise RuntimeError("no\nnetwork")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headrace.train.trackers, "is_installed", lambda name: True)


def use(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headrace.train.hooks.build, "open_tracker", service.open)


def test_a_missing_client_is_said_before_the_data_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(headrace.train.trackers, "is_installed", lambda name: False)
    for name in TRACKERS:
        with pytest.raises(MissingPackageError, match=f"pip install {name}, or take --log none"):
            run_training(settings(tmp_path / "nothing.beton", tmp_path / "run", log=name))
    with pytest.raises(ConfigError, match="log is 'neptune', expected none or wandb or mlflow"):
        settings(tmp_path, tmp_path, log="neptune")


@pytest.mark.usefixtures("installed")
def test_a_service_hears_what_the_log_holds(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, folder = Service(), tmp_path / "run"
    use(service, monkeypatch)
    run_training(settings(data, folder, **ONE, log="wandb"))
    (about,) = service.began
    assert (about.name, about.run_id, about.settings["batch_size"]) == ("run", "", 8)
    steps = [(step, values) for step, values in service.points if "train/loss" in values]
    expected = [(row["global_step"], row["loss"]) for row in rows(folder, "step")]
    assert [(step, values["train/loss"]) for step, values in steps] == expected
    (epoch,) = [values for _, values in service.points if "epoch" in values]
    assert epoch["val/accuracy"] == rows(folder, "epoch")[0]["val_accuracy"]
    assert service.closed == [True]


@pytest.mark.usefixtures("installed")
def test_a_resumed_run_is_the_same_run_there(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(Service(), monkeypatch)
    folder = tmp_path / "run"
    run_training(settings(data, folder, **ONE, log="mlflow"))
    service = Service()
    use(service, monkeypatch)
    longer = settings(data, folder, epochs=2, report=False, log="mlflow")
    run_training(longer, str(folder))
    assert [about.run_id for about in service.began] == ["run 1"]
    assert min(step for step, _ in service.points) > 6


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("call", ["open", "log", "close"])
def test_a_service_that_fails_changes_nothing(
    call: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    run_training(settings(data, tmp_path / "a", **ONE))
    service = Service(call)
    use(service, monkeypatch)
    run_training(settings(data, tmp_path / "b", **ONE, log="wandb"))
    said = capsys.readouterr().out
    assert said.count("--log wandb: nothing more is sent there (no network); the run goes on") == 1
    if call == "open":  # else there is a run, and last.pt has its name
        assert_same_run(tmp_path / "a", tmp_path / "b", ("out", "log"))


@pytest.mark.usefixtures("installed")
def test_a_run_that_ends_with_an_error_is_not_complete_there(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = Service()
    use(service, monkeypatch)

    def fail(*args: Any) -> None:
        raise ConfigError("stop")

    monkeypatch.setattr("headrace.train.run.finish", fail)
    with pytest.raises(ConfigError, match="stop"):
        run_training(settings(data, tmp_path / "run", **ONE, log="wandb"))
    assert service.closed == [False]


def test_weights_and_biases_offline(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb", reason="wandb is not installed")
    monkeypatch.setenv("WANDB_MODE", "offline")
    folder = tmp_path / "run"
    run_training(settings(data, folder, **ONE, log="wandb"))
    run_training(settings(data, folder, epochs=2, report=False, log="wandb"), str(folder))
    runs = sorted((folder / "wandb").glob("offline-run-*"))
    assert len({run.name.rpartition("-")[2] for run in runs}) == 1  # one id
    assert all(any(run.glob("*.wandb")) for run in runs) and runs


def test_mlflow_without_a_server(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mlflow", reason="mlflow is not installed")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "store").as_uri())
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "tests")
    folder = tmp_path / "run"
    run_training(settings(data, folder, **ONE, log="mlflow"))
    run_training(settings(data, folder, epochs=2, report=False, log="mlflow"), str(folder))
    from mlflow import MlflowClient

    client = MlflowClient()
    experiment = client.get_experiment_by_name("tests")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.status, run.data.params["batch_size"]) == ("FINISHED", "8")
    points = client.get_metric_history(run.info.run_id, "train/loss")
    kept = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    steps = {row["global_step"]: row["loss"] for row in kept if row["kind"] == "step"}
    assert {point.step: point.value for point in points} == steps
    assert len(points) == len(steps)
