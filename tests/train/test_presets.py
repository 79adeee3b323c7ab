"""Every preset makes a step, can be overridden, and says where it comes from."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from headrace.pipeline.errors import ConfigError, HeadraceError
from headrace.train.command_line import CommandLine, read_command_line
from headrace.train.presets import load_preset, preset_names
from headrace.train.run import run_training
from headrace.train.settings.config_file import to_flat
from tests.train.tiny_runs import rows

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "train/presets"


@pytest.mark.parametrize("name", preset_names())
def test_a_step_of_each(name: str, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = f"--preset {name} --data {data} --out {out} --device cpu --loader torchvision"
    if name == "finegrained-transfer":  # no network here: a file stands for the published weights
        from torchvision import models

        torch.save(models.resnet50(weights=None).state_dict(), tmp_path / "resnet50.pth")
        words += f" --weights {tmp_path / 'resnet50.pth'} --normalise imagenet --size 64"
    if name in ("small-food", "food11-boss"):  # one epoch is too few for several sizes
        words += " --size-schedule --size 32"
    quick = "--workers 0 --batch-size 4 --epochs 1 --limit-batches 1 --no-tensorboard"
    run = run_training(*read_command_line([*words.split(), *quick.split()]))
    assert run.progress.global_step == 1
    (epoch,) = rows(out, "epoch")
    assert epoch["train_loss"] == epoch["train_loss"]  # a number
    said = yaml.safe_load((out / "config.yaml").read_text())
    asked = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    changed = {"batch_size", "epochs"} | ({"size_schedule"} if "size_schedule" in asked else set())
    if name == "finegrained-transfer":
        changed |= {"pretrained", "normalise", "size"}
        assert run.model.get_submodule("fc").out_features == 3
        scales = {group.get("lr_scale", 1.0) for group in run.optimizer.param_groups}
        assert scales == {1.0, 10.0}
    assert {key for key in asked if said[key] != asked[key]} <= changed


@pytest.mark.parametrize(
    ("name", "values"),
    [
        (
            "food11-sample",
            {
                "model": "homework-cnn", "epochs": 8, "optimizer": "adam", "lr": 3e-4,
                "weight_decay": 1e-5, "clip_grad": 10.0, "patience": 5, "size": 128,
                "geometry": "squash", "flip": 0.0, "normalise": "none",
                "recipe": "none", "batch_size": 64, "schedule": "constant", "warmup_epochs": 0.0,
                "label_smoothing": 0.0,
            },
        ),
        (
            "food11-report",
            {
                "model": "report-resnet", "crop_scale": [0.8, 1.0], "flip": 0.5,
                "normalise": "half", "patience": 5,
                "recipe": [
                    {"op": "rotate", "degrees": 30},
                    {"op": "jitter", "brightness": 0.2, "contrast": 0.2},
                ],
            },
        ),
        ("food11-trivial", {"model": "homework-cnn", "epochs": 24}),
        (
            "cifar10-resnet18",
            {
                "model": "resnet18-cifar", "schedule": "multistep", "milestones": [30, 60, 90],
                "geometry": "padded", "crop_padding": 4, "size": 32, "nesterov": False,
            },
        ),
        ("food11-tta", {"model": "report-resnet", "tta": 5, "tta_weight": 0.5}),
        (
            "cifar10-fast",
            {
                "model": "airbench", "whitening": True, "crop_padding": 2, "tta": "flip",
                "flip_alternates": True, "label_smoothing": 0.2, "schedule": "linear",
            },
        ),
        ("small-food", {"best_by": "loss", "tta": "flip"}),
        (
            "finegrained-transfer",
            {
                "model": "torchvision:resnet50", "pretrained": True, "normalise": "model",
                "head_lr": 10.0, "size": 224, "geometry": "crop", "lr": 1e-3, "decay_every": 7,
            },
        ),
    ],
)  # fmt: skip
def test_what_the_sources_decide(name: str, values: dict[str, Any]) -> None:
    flat = to_flat(load_preset(name))
    assert {key: flat[key] for key in values} == values


@pytest.mark.parametrize(
    ("name", "training", "evaluation", "share"),
    [
        ("food11-sample", "squash", "squash", 1.0),
        ("food11-report", "random-resized", "squash", 1.0),
        ("food11-tta", "random-resized", "squash", 1.0),
        ("food11-trivial", "squash", "squash", 1.0),
        ("cifar10-resnet18", "padded", "centre", 1.0),
        ("cifar10-fast", "padded", "centre", 1.0),
        ("cifar10-96", "padded", "centre", 1.0),
        ("small-food", "random-resized", "centre", 0.875),
        ("food11-boss", "random-resized", "centre", 0.875),
        ("finegrained-transfer", "random-resized", "centre", 0.875),
    ],
)
def test_how_they_cut(name: str, training: str, evaluation: str, share: float) -> None:
    crop = load_preset(name).data.crop
    assert (crop.mode(train=True), crop.mode(train=False)) == (training, evaluation)
    assert crop.eval_share == share


def test_the_one_with_views_is_the_report_in_all_else() -> None:
    report, tta = (to_flat(load_preset(name)) for name in ("food11-report", "food11-tta"))
    assert {key for key in tta if tta[key] != report[key]} == {"tta"}


def test_published_weights_that_cannot_be_fetched_are_one_line(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torchvision import models

    def offline(*args: Any, **keywords: Any) -> None:
        raise OSError("<urlopen error no route to host>")

    monkeypatch.setattr(models, "get_model", offline)
    words = f"--preset finegrained-transfer --data {data} --out {tmp_path / 'run'} --device cpu"
    with pytest.raises(HeadraceError) as error:
        run_training(*read_command_line(words.split()))
    assert str(error.value) == (
        "--pretrained: the weights of torchvision:resnet50 could not be loaded (<urlopen error no "
        "route to host>); connect to the network, give a file of them with --weights FILE, or "
        "train from scratch with --no-pretrained"
    )
    assert not (tmp_path / "run").exists()


def test_a_file_takes_the_place_of_published_weights(data: Path, tmp_path: Path) -> None:
    words = ["--preset", "finegrained-transfer", "--data", str(data)]
    config, _ = read_command_line([*words, "--weights", "some.pth"])
    assert (config.model.weights, config.model.pretrained) == ("some.pth", False)
    with pytest.raises(ConfigError, match="no --pretrained beside it"):
        read_command_line([*words, "--weights", "some.pth", "--pretrained"])
    with pytest.raises(ConfigError, match="those of --pretrained or --weights, and neither"):
        read_command_line([*words, "--no-pretrained"])
    torch.save({}, tmp_path / "bare.pth")
    config, _ = read_command_line([*words, "--weights", str(tmp_path / "bare.pth")])
    with pytest.raises(ConfigError, match=r"bare.pth does not tell the mean .* imagenet, half"):
        run_training(config)


def test_all_are_tested_explained_and_offered() -> None:
    documented = (ROOT / "docs/training/presets.md").read_text()
    offered = (ROOT / "train/command_line.py").read_text()
    for name in preset_names():
        text = (FOLDER / f"{name}.yaml").read_text()
        assert "# Source" in text.split("\nmodel:")[0]
        assert f"`{name}`" in documented and name in offered
    assert len(preset_names()) >= 4


def test_flags_override_it() -> None:
    words = ["--preset=food11-sample", "--epochs", "24", "--optimizer", "sgd", "--data", "x"]
    config, resume = read_command_line(words)
    assert (config.optim.epochs, config.optim.optimizer, resume) == (24, "sgd", "")
    assert (config.optim.lr, config.optim.clip_grad) == (3e-4, 10.0)
    assert config.model.model == "homework-cnn"


@pytest.mark.parametrize("other", ["--config", "--resume"])
def test_it_is_refused_beside_other_settings(other: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"--preset and {other} exclude each other"):
        read_command_line(["--preset", "food11-sample", other, str(tmp_path)])


def test_an_unknown_name_is_told_the_nearest_and_all() -> None:
    with pytest.raises(ConfigError) as error:
        read_command_line(["--preset", "food-sample"])
    assert str(error.value) == (
        "--preset food-sample: did you mean food11-sample? there are " + ", ".join(preset_names())
    )
    begun = [name for name in preset_names() if name.startswith("food11")]
    with pytest.raises(ConfigError) as error:
        load_preset("food11")
    assert f"did you mean {', '.join(begun[:-1])} or {begun[-1]}? there" in str(error.value)
    with pytest.raises(ConfigError, match=r"--preset \.\./settings/x: there are cifar10-96"):
        load_preset("../settings/x")


def test_help_shows_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read_command_line(["--help"])
    assert "--preset NAME" in capsys.readouterr().out
    assert "preset" in {field.name for field in dataclasses.fields(CommandLine)}
