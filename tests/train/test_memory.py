"""No memory left: one line that names the batch size to try, and no traceback unless asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import headrace.train.evaluation.held_out
import headrace.train.loop
import headrace.train.opening.compiled
from headrace.pipeline.command_line import run_command
from headrace.train.device.amp import Precision
from headrace.train.device.compiling import compile_model
from headrace.train.device.memory import (
    OutOfMemory,
    out_of_memory,
    ran_out,
    smaller_batch,
    what_takes_less,
)
from headrace.train.evaluation import answers
from headrace.train.predict import PredictConfig, predict
from headrace.train.run import run_training
from headrace.train.settings.config_file import from_flat
from tests.train.tiny_runs import rows, settings

ON_CUDA = torch.cuda.OutOfMemoryError(
    "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 14.75 GiB of "
    "which 1.06 GiB is free."
)


def on_cpu() -> RuntimeError:
    with pytest.raises(RuntimeError) as error:
        torch.empty(2**50)
    return error.value


def failing(error: Exception) -> Any:
    def fail(*arguments: object, **named: object) -> None:
        raise error

    return fail


def test_what_says_that_memory_ran_out() -> None:
    cublas = RuntimeError(
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)"
    )
    for error in (ON_CUDA, on_cpu(), cublas, MemoryError()):
        assert ran_out(error), error
    for error in (RuntimeError("shapes do not match"), ValueError("out of memory"), OSError()):
        assert not ran_out(error), error
    line = out_of_memory(ON_CUDA, "training", torch.device("cuda:0"), "less")
    assert line == "out of memory on cuda:0 in training, which wanted 2.00 GiB more; try less"
    assert "wanted 4194304.00 GiB more" in out_of_memory(on_cpu(), "a", torch.device("cpu"), "b")


@pytest.mark.parametrize(
    ("batch", "processes", "expected"),
    [
        (128, 1, 64),
        (100, 1, 48),
        (12, 1, 6),
        (5, 1, 2),
        (3, 1, 0),
        (96, 3, 48),
        (18, 3, 9),
        (6, 3, 0),
    ],
)
def test_a_smaller_batch_is_a_round_number(batch: int, processes: int, expected: int) -> None:
    assert smaller_batch(batch, processes) == expected


def advice(device: str = "cpu", **changes: Any) -> str:
    named = {key: changes.pop(key) for key in ("model", "training", "loader") if key in changes}
    processes = changes.pop("processes", 1)
    config = from_flat({"batch_size": 128, **changes}, "test")
    given = {"training": True, **named}
    return what_takes_less(config, torch.device(device), processes=processes, **given)


def test_advice_is_what_helps_here() -> None:
    assert advice() == (
        "--batch-size 64 or --accumulate 2, which trains the same from 2 parts of each batch of "
        "128 (batch norms aside)"
    )
    assert "--accumulate 8" in advice(accumulate=4)
    assert "--accumulate" not in advice(batch_size=3)
    assert advice(batch_size=2) == "a smaller --size or --model"
    # An evaluation has no gradients: neither parts nor kept activations are what it needs.
    assert advice(training=False, accumulate=4) == "--batch-size 64"
    deep = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))
    assert "; --activation-checkpointing takes less too" in advice(model=deep)
    assert "activation" not in advice(model=nn.Linear(2, 2))
    assert "activation" not in advice(model=deep, activation_checkpointing=True)
    assert "--amp auto" in advice("cuda", amp="off")
    assert "--amp" not in advice("cuda") + advice(amp="off")
    assert "--resident-memory 0.25" in advice(loader="resident")


def test_in_a_training_step(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headrace.train.loop, "optimise", failing(ON_CUDA))
    message = (
        r"^out of memory on cpu in training \(epoch 1, step 1\), which wanted 2.00 GiB more; "
        r"try --batch-size 4 or --accumulate 2, .*; --activation-checkpointing takes less too$"
    )
    with pytest.raises(OutOfMemory, match=message):
        run_training(settings(data, tmp_path / "run"))


def test_in_an_evaluation(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headrace.train.evaluation.held_out, "infer", failing(on_cpu()))
    with pytest.raises(OutOfMemory, match=r"in evaluation \(epoch 1, .* try --batch-size 4$"):
        run_training(settings(data, tmp_path / "run", val_split="val"))
    assert len(rows(tmp_path / "run", "step")) == 3


def test_while_a_run_is_set_up(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headrace.train.opening.compiled, "compile_model", failing(ON_CUDA))
    with pytest.raises(OutOfMemory, match=r"in setting up the run, .* try --batch-size 4 or"):
        run_training(settings(data, tmp_path / "run"))


def test_compiling_does_not_pass_it_over(monkeypatch: pytest.MonkeyPatch) -> None:
    model = nn.Linear(2, 2)
    precision = Precision(device=torch.device("cpu"), dtype=torch.float32, reason="test")
    monkeypatch.setattr(torch, "compile", failing(ON_CUDA))
    with pytest.raises(torch.cuda.OutOfMemoryError):
        compile_model(model, "on", torch.zeros(2, 2), precision)
    monkeypatch.setattr(torch, "compile", failing(RuntimeError("no compiler")))
    assert compile_model(model, "on", torch.zeros(2, 2), precision)[1].startswith("off, as comp")


def test_in_a_prediction(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_training(settings(data, tmp_path / "run", epochs=1, limit_batches=1))
    monkeypatch.setattr(answers, "answer", failing(ON_CUDA))
    with pytest.raises(OutOfMemory, match=r"in prediction, .* try --batch-size 16$"):
        paths = (str(tmp_path / "run"), str(data))
        predict(PredictConfig(paths=paths, loader="torchvision", workers=0, batch_size=32))


@pytest.mark.parametrize("debug", ["", "1"])
def test_where_it_came_from_is_shown_when_asked_for(
    debug: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HEADRACE_DEBUG", debug)

    def main() -> None:
        try:
            raise ON_CUDA
        except RuntimeError as error:
            raise OutOfMemory("take less") from error

    for wrong in (main, failing(on_cpu())):
        with pytest.raises(SystemExit) as end:
            run_command(wrong)
        assert end.value.code == 1
        said = capsys.readouterr().err
        assert ("Traceback" in said) is (debug == "1")
        assert said.splitlines()[-1].startswith("error: ")
