"""--deterministic: what is switched on and off again, and what an op without such a form says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from torch import Tensor

import headrace.train.loop
from headrace.pipeline.errors import ConfigError
from headrace.train.device.determinism import WORKSPACE, NotDeterministic, deterministic
from headrace.train.run import run_training
from headrace.train.settings.config_file import load_yaml
from headrace.train.state import Run
from headrace.train.step import optimise
from tests.train.tiny_runs import assert_same_run, settings


@pytest.fixture(autouse=True)
def no_workspace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WORKSPACE, "")
    monkeypatch.delenv(WORKSPACE)


def switched_on() -> tuple[bool, bool, bool]:
    cudnn = torch.backends.cudnn
    return torch.are_deterministic_algorithms_enabled(), cudnn.deterministic, not cudnn.benchmark


def test_it_is_on_meanwhile_and_as_before_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    for wanted in (True, False):
        with pytest.raises(KeyError), deterministic(wanted):
            assert switched_on() == (wanted,) * 3
            assert not torch.is_deterministic_algorithms_warn_only_enabled()
            raise KeyError
        assert switched_on() == (False,) * 3
    assert os.environ[WORKSPACE] == ":4096:8"
    with deterministic(True):  # what the first one has put there is no hindrance
        assert switched_on() == (True,) * 3


def test_a_workspace_that_was_chosen_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WORKSPACE, ":0:0")
    with pytest.raises(ConfigError, match="is ':0:0', expected :4096:8 or :16:8; unset it"):
        with deterministic(True):
            pass
    monkeypatch.delenv(WORKSPACE)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    with pytest.raises(ConfigError, match=f"CUDA is in use already, without {WORKSPACE}; set"):
        with deterministic(True):
            pass
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_run_says_so_and_repeats_itself(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = set()

    def watched(run: Run, images: Tensor, targets: Tensor) -> None:
        seen.add(switched_on())
        optimise(run, images, targets)

    monkeypatch.setattr(headrace.train.loop, "optimise", watched)
    for name in ("a", "b"):
        run_training(settings(data, tmp_path / name, epochs=1, deterministic=True))
        assert load_yaml(tmp_path / name / "config.yaml").runtime.deterministic
    assert seen == {(True, True, True)}
    assert "torch.compile off" in (text := capsys.readouterr().out)
    assert ", deterministic algorithms\n" in text
    assert_same_run(tmp_path / "a", tmp_path / "b")


def test_an_operation_without_such_a_form_is_named(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def step(run: Run, images: Tensor, targets: Tensor) -> None:
        images.put_(torch.tensor([0]), torch.tensor([1.0], dtype=images.dtype))
        optimise(run, images, targets)

    monkeypatch.setattr(headrace.train.loop, "optimise", step)
    message = "--deterministic: put_ has no deterministic form on cpu; leave --deterministic out"
    with pytest.raises(NotDeterministic, match=message):
        run_training(settings(data, tmp_path / "a", epochs=1, deterministic=True))
    run_training(settings(data, tmp_path / "b", epochs=1))
