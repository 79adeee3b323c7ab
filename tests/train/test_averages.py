"""Means of weights: what they are, that they are judged and saved as best, and what is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import headrace.train.loop
from headrace.augment import Preprocess
from headrace.pipeline.errors import ConfigError, Interrupted
from headrace.pipeline.loader import open_loader
from headrace.train.averages import ema, swa
from headrace.train.averages.average import Average
from headrace.train.device.amp import choose_precision
from headrace.train.evaluation.inference import infer
from headrace.train.evaluation.scoring import score
from headrace.train.folder.checkpoint import load_checkpoint
from headrace.train.models.build import build_model
from headrace.train.models.spec import ModelSpec
from headrace.train.progress import Progress
from headrace.train.run import run_training
from headrace.train.schedules.span import Span
from headrace.train.state import Run
from tests.train.test_loop import Crash, crash_after, stop_after
from tests.train.tiny_runs import assert_same, assert_same_run, rows, settings, write_data

SPAN = Span(peak=1.0, steps_per_epoch=2, total_steps=8)
EVERYTHING = {
    "average": "ema",
    "ema_decay": 0.9,
    "accumulate": 2,
    "objective": "sam",
    "penalty": 1e-5,
    "schedule": "plateau",
    "plateau_patience": 0,
    "plateau_threshold": 0.9,
    "head_lr": 2.0,
    "optimizer": "adabound",
    "loss": "focal",
    "class_weights": "effective",
}
"""Of each kind one technique, those that keep state foremost."""
MEANS = {**EVERYTHING, "average": "swa", "swa_start": 0.3, "optimizer": "muon"}
del MEANS["ema_decay"]


def moved(model: nn.Module, average: Average, values: list[float]) -> list[float]:
    """The average's first weight after steps that set all weights."""
    progress, found = Progress(), []
    for value in values:
        for weight in model.parameters():
            nn.init.constant_(weight, value)
        progress.next_step()
        average.after_step(progress)
        found.append(float(next(average.model.parameters()).detach().flatten()[0]))
        if progress.step == SPAN.steps_per_epoch:
            progress.next_epoch()
    return found


def test_the_moving_average_is_what_its_name_says() -> None:
    model = nn.Linear(2, 1)
    nn.init.constant_(model.weight, 0.0)
    plain = ema.build(ema.Settings(ema_decay=0.75, ema_ramp=False), model, SPAN)
    assert moved(model, plain, [1, 2, 4]) == pytest.approx([0.25, 0.6875, 1.515625])
    nn.init.constant_(model.weight, 0.0)
    ramped = ema.build(ema.Settings(ema_decay=0.15), model, SPAN)
    assert moved(model, ramped, [1, 1]) == pytest.approx([0.9, 1 - 0.1 * 0.15])


def test_the_moving_average_takes_running_statistics_along() -> None:
    model = nn.BatchNorm1d(2)
    average = ema.build(ema.Settings(ema_decay=0.75, ema_ramp=False), model, SPAN)
    model.running_mean += 1
    model.num_batches_tracked += 5
    average.after_step(Progress(step=1))
    assert average.model.running_mean.tolist() == [0.25, 0.25]
    assert int(average.model.num_batches_tracked) == 5


def test_the_mean_of_epochs_begins_where_it_should() -> None:
    model = nn.Linear(2, 1)
    average = swa.build(swa.Settings(swa_start=0.5), model, SPAN)
    # Epochs end with 2, 4, 6, 8; of those the last two are averaged.
    found = moved(model, average, [1, 2, 3, 4, 5, 6, 7, 8])
    assert found == [1, 2, 3, 4, 5, 6, 6, 7]
    assert average.state_dict()["epochs"] == 2
    late = swa.build(swa.Settings(swa_start=0.99), model, SPAN)
    assert moved(model, late, [1, 2, 3, 4, 5, 6, 7, 9])[-1] == 9, "at least of the last"


def accuracy(weights: dict[str, torch.Tensor], data: Path) -> tuple[float, float]:
    """Accuracy and loss of weights on the validation split, as another script would find them."""
    spec = ModelSpec(name="timm:test_resnet", num_classes=3, size=32, dropout=0.3)
    model = build_model(spec)
    model.load_state_dict(weights)
    content = load_checkpoint(data.parent / "run/best.pt")
    keywords: dict[str, Any] = {"size": 32, "batch_size": 8, "train": False, "workers": 0}
    with open_loader(data, split="val", loader="torchvision", **keywords) as loader:
        preprocess = Preprocess(**content["preprocess"])
        precision = choose_precision("off", torch.device("cpu"))
        scores = score(infer(model, loader, preprocess, precision), 3)
    return scores.accuracy, scores.loss


@pytest.mark.parametrize(
    "changes",
    [{"average": "ema", "ema_decay": 0.8}, {"average": "swa", "swa_start": 0.0}],
    ids=["ema", "swa"],
)
def test_the_average_is_judged_and_saved_as_best(changes: dict[str, Any], tmp_path: Path) -> None:
    data = write_data(tmp_path / "tiny.beton")
    run_training(settings(data, tmp_path / "run", amp="off", epochs=3, lr=0.03, **changes))
    best, last = (load_checkpoint(tmp_path / "run" / name) for name in ("best.pt", "last.pt"))
    epochs = rows(tmp_path / "run", "epoch")
    judged = epochs[: best["scores"]["epochs_done"]][-1]
    found = accuracy(best["weights"], data)
    assert found == pytest.approx((judged["val_accuracy"], judged["val_loss"]), rel=1e-4)
    average = last["hooks"][changes["average"]]["model"]
    assert average.keys() == best["weights"].keys()
    trained = accuracy(last["weights"], data)
    of_the_end = accuracy(average, data)
    assert of_the_end[1] == pytest.approx(epochs[-1]["val_loss"], rel=1e-4)
    assert trained[1] != pytest.approx(epochs[-1]["val_loss"], rel=1e-4)


def test_statistics_of_a_mean_of_epochs_are_measured_anew(data: Path, tmp_path: Path) -> None:
    """Over the training batches, all with the same weight, and the run goes on as if it had not."""
    changes = {"recipe": "none", "epochs": 2, "dropout": 0.0, "amp": "off", "swa_start": 0.0}
    run = run_training(settings(data, tmp_path / "a", average="swa", **changes))
    plain = run_training(settings(data, tmp_path / "b", epochs=2, **_without_average(changes)))
    assert_same(plain.model.state_dict(), run.model.state_dict())
    model = run.average.model
    first = next(part for part in model.modules() if isinstance(part, nn.BatchNorm2d))
    inputs: list[torch.Tensor] = []
    handle = first.register_forward_pre_hook(lambda part, args: inputs.append(args[0].detach()))
    with torch.no_grad(), open_loader(data, run.train_loader.config) as loader:
        for batch in loader.epoch(1):
            model.train()(run.augmenter(batch.images, batch.labels)[0])
    handle.remove()
    means = torch.stack([values.mean((0, 2, 3)) for values in inputs])
    name = next(n for n, part in model.named_modules() if part is first)
    assert len(inputs) == 6
    measured = load_checkpoint(tmp_path / "a")["hooks"]["swa"]["model"][f"{name}.running_mean"]
    torch.testing.assert_close(measured, means.mean(0), rtol=1e-3, atol=1e-4)


def _without_average(changes: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in changes.items() if key not in ("swa_start", "epochs")}


@pytest.fixture(scope="module", params=[EVERYTHING, MEANS], ids=["ema", "swa"])
def whole(
    request: pytest.FixtureRequest, data: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    """A run with techniques of all kinds that nobody disturbed."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    run_training(settings(data, folder, epochs=3, **request.param))
    return folder, request.param


@pytest.mark.parametrize("steps", [4, 8, pytest.param(16, marks=pytest.mark.slow)])
def test_stopped_run_resumes_bit_for_bit(
    steps: int,
    whole: tuple[Path, dict[str, Any]],
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Within an epoch and within an evaluation."""
    config = settings(data, tmp_path / "run", epochs=3, **whole[1])
    with monkeypatch.context() as patch:
        stop_after(steps, patch)
        with pytest.raises(Interrupted):
            run_training(config)
    run_training(config, resume=str(tmp_path / "run"))
    assert_same_run(whole[0], tmp_path / "run")


def test_killed_run_resumes_bit_for_bit(
    whole: tuple[Path, dict[str, Any]],
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = settings(data, tmp_path / "run", epochs=3, save_every=3, **whole[1])
    with monkeypatch.context() as patch:
        crash_after(11, patch)
        with pytest.raises(Crash):
            run_training(config)
    run_training(config, resume=str(tmp_path / "run"))
    assert_same_run(whole[0], tmp_path / "run")


def test_techniques_that_keep_state_have_it_in_the_checkpoint(
    whole: tuple[Path, dict[str, Any]],
) -> None:
    kept = load_checkpoint(whole[0])["hooks"]
    assert kept.keys() == {whole[1]["average"], "plateau"}
    assert kept["plateau"]["rate"] < 0.003, "it has fallen"


def test_plateau_needs_something_held_out(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--schedule plateau needs a validation split"):
        run_training(settings(data, tmp_path / "run", schedule="plateau", val_split="none"))


def test_parts_of_a_batch_need_two_samples(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--accumulate 5 leaves less than 2 samples"):
        run_training(settings(data, tmp_path / "run", accumulate=5))


def test_a_run_in_parts_ends_where_one_of_whole_batches_does(data: Path, tmp_path: Path) -> None:
    """With norms that look at single samples, and without dropout, whose noise is another."""
    changes = {"model": "timm:test_vit", "dropout": 0.0, "amp": "off", "optimizer": "sgd"}
    runs = [
        run_training(settings(data, tmp_path / str(n), accumulate=n, lr=0.01, **changes))
        for n in (1, 4)
    ]
    whole, parts = (run.model.state_dict() for run in runs)
    for name, value in whole.items():
        torch.testing.assert_close(parts[name], value, rtol=1e-4, atol=1e-5)
    assert [r["lr"] for r in rows(tmp_path / "1", "step")] == [
        r["lr"] for r in rows(tmp_path / "4", "step")
    ]


def test_the_average_hears_of_every_step(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    optimise = headrace.train.loop.optimise

    def step(run: Run, images: torch.Tensor, targets: torch.Tensor) -> None:
        seen.append(run.average.state_dict()["steps"])
        optimise(run, images, targets)

    monkeypatch.setattr(headrace.train.loop, "optimise", step)
    run_training(settings(data, tmp_path / "run", epochs=1, average="ema"))
    assert seen == [0, 1, 2, 3, 4, 5]
