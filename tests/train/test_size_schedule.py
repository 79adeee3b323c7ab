"""Runs whose images change their size between epochs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from headrace.pipeline.errors import ConfigError, Interrupted
from headrace.pipeline.planned import PlannedLoader
from headrace.train.command_line import read_command_line
from headrace.train.folder.checkpoint import load_checkpoint
from headrace.train.predict import PredictConfig, predict
from headrace.train.probe import ProbeConfig
from headrace.train.processes.stop import StopRequest
from headrace.train.run import run_training
from headrace.train.settings.config_file import dump_yaml, load_yaml
from headrace.train.state import Run
from headrace.train.step import optimise
from tests.builders import available_loaders
from tests.train.test_world import NEEDS_GROUP, processes
from tests.train.tiny_runs import assert_same_run, rows, settings

SIZES = ["24:0.5", "28:0.75", "32:1"]
EVERY = [(24, 24)] * 2 + [(28, 28), (32, 32)]
STEPS = 6


def scheduled(data: Path, folder: Path, **changes: Any) -> Any:
    own = {"size": None, "size_schedule": SIZES, "epochs": 4, "log_every": 1}
    return settings(data, folder, **{**own, **changes})


def watch(patch: pytest.MonkeyPatch) -> list[tuple[int, tuple[int, ...]]]:
    """Collects (samples, height and width) of every batch that is learnt from."""
    seen: list[tuple[int, tuple[int, ...]]] = []
    real = optimise

    def watched(run: Run, images: Tensor, targets: Tensor) -> None:
        seen.append((len(images), tuple(images.shape[2:])))
        real(run, images, targets)

    patch.setattr("headrace.train.loop.optimise", watched)
    return seen


@pytest.fixture(scope="module")
def whole(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "run"
    opened = []
    real = PlannedLoader.__init__

    def counted(self: PlannedLoader, *arguments: Any) -> None:
        opened.append(self)
        real(self, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PlannedLoader, "__init__", counted)
        seen = watch(patch)
        run_training(scheduled(data, folder))
    assert [shape for _, shape in seen] == [shape for shape in EVERY for _ in range(STEPS)]
    assert len(opened) == 2, "one loader for training, one for validation"
    return folder


def test_evaluation_has_the_last_size(whole: Path, data: Path) -> None:
    best = load_checkpoint(whole / "best.pt")
    assert best["preprocess"]["size"] == 32 and best["model"]["size"] == 32
    found = predict(PredictConfig(paths=(str(whole), str(data)), split="val", loader="torchvision"))
    accuracy = float((found.predicted == found.labels).mean())
    assert accuracy == pytest.approx(max(row["val_accuracy"] for row in rows(whole, "epoch")))
    drawn = PredictConfig(paths=(str(whole), str(data)), split="val", loader="torchvision", tta="2")
    assert len(predict(drawn).predicted) == len(found.predicted)


def test_the_learning_rate_is_that_of_a_run_of_one_size(
    whole: Path, data: Path, tmp_path: Path
) -> None:
    run_training(settings(data, tmp_path / "run", epochs=4, log_every=1))
    for kind in ("step", "epoch"):
        rates = [[row["lr"] for row in rows(folder, kind)] for folder in (whole, tmp_path / "run")]
        assert rates[0] == rates[1] and len(rates[0]) >= 4


def test_a_run_says_its_sizes_and_notes_them(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_training(scheduled(data, tmp_path / "run", eval_size=40, model="small-resnet"))
    line = "sizes: 24 px in epochs 1-2, 28 px in 3, 32 px in 4; evaluation at 40 px"
    assert line in capsys.readouterr().out
    config = load_yaml(tmp_path / "run" / "config.yaml")
    assert config.data.crop.size == 32 and config.data.crop.size_schedule == tuple(SIZES)
    assert load_checkpoint(tmp_path / "run" / "best.pt")["preprocess"]["size"] == 40


@pytest.mark.parametrize("name", available_loaders())
@pytest.mark.parametrize("steps", [pytest.param(12, marks=pytest.mark.slow), 19])
def test_it_resumes_to_the_bit_in_the_middle_of_an_epoch(
    steps: int, name: str, data: Path, tmp_path: Path
) -> None:
    """Stopped in the last epoch of one size and in the only one of another."""
    changes = {"loader": name, "workers": 1, "recipe": [{"op": "cutout", "length": 8}, "mixup"]}
    run_training(scheduled(data, tmp_path / "whole", **changes))
    asked = iter(range(1, 1000))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StopRequest, "agreed", lambda *rest, **named: next(asked) == steps)
        with pytest.raises(Interrupted):
            run_training(scheduled(data, tmp_path / "run", **changes))
    with pytest.MonkeyPatch.context() as patch:
        seen = watch(patch)
        run_training(*read_command_line(["--resume", str(tmp_path / "run")]))
    done = load_checkpoint(tmp_path / "run")["progress"]["global_step"] - len(seen)
    assert done % STEPS, "it was stopped within an epoch"
    assert [shape for _, shape in seen] == [s for s in EVERY for _ in range(STEPS)][done:]
    assert_same_run(tmp_path / "whole", tmp_path / "run")


def test_more_epochs_stretch_the_sizes_and_say_so(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    two = {"size_schedule": ["16:0.5", "32:1"], "epochs": 2, "model": "small-resnet"}
    run_training(scheduled(data, folder, **two))
    capsys.readouterr()
    with pytest.MonkeyPatch.context() as patch:
        seen = watch(patch)
        run_training(*read_command_line(["--resume", str(folder), "--epochs", "5"]))
    line = "--size-schedule is stretched over all 5 epochs: 32 px in the last epoch, 16 px in the"
    assert line in capsys.readouterr().out
    assert [shape[0] for _, shape in seen[::STEPS]] == [16, 32, 32]
    with pytest.raises(ConfigError, match=r"cannot resume with a changed --size-schedule"):
        words = ["--resume", str(folder), "--epochs", "6", "--size-schedule", "24:0.5", "32:1"]
        run_training(*read_command_line(words))


def test_flags_and_yaml_say_the_same(tmp_path: Path) -> None:
    words = ["--data", "x.beton", "--size-schedule", "96:0.5", "128x96:0.8", "160:1"]
    config, _ = read_command_line([*words, "--epochs", "20"])
    assert config.data.crop.shapes == ((96, 96), (128, 96), (160, 160))
    (tmp_path / "a.yaml").write_text(dump_yaml(config))
    assert load_yaml(tmp_path / "a.yaml") == config
    (tmp_path / "b.yaml").write_text("size_schedule: [96:0.5, 160:1]\n")  # numbers to base 60
    with pytest.raises(ConfigError, match=r"size_schedule has '5760.5', .*between quotes"):
        load_yaml(tmp_path / "b.yaml")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--size-schedule", "96:0.5"], r"^--size-schedule is 96:0.5, expected rising shares"),
        (["--size-schedule", "96-0.5"], r"^--size-schedule has '96-0.5', expected a size in px"),
        (["--size-schedule", "4:0.5", "96:1"], r"^--size-schedule is '4:0.5 96:1', expected sides"),
        (
            ["--size-schedule", "96:0.5", "160:1", "--size", "128"],
            r"^--size is 128, expected 160, the last of --size-schedule",
        ),
        (
            ["--size-schedule", "96:0.5", "128:0.8", "160:1", "--epochs", "2"],
            r"^--size-schedule 96:0.5 128:0.8 160:1 leaves no epoch for 160 px, of 2 epochs",
        ),
    ],
)
def test_what_cannot_work_is_refused_in_a_line(words: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_command_line(["--data", "x.beton", *words])


def test_every_size_has_to_suit_the_model_and_the_recipe(data: Path, tmp_path: Path) -> None:
    vit = scheduled(data, tmp_path / "run", model="timm:vit_tiny_patch16_224")
    with pytest.raises(ConfigError, match=r"^--size-schedule: a model for 32 px cannot take 24x24"):
        run_training(vit)
    crop = [{"kornia": "RandomCrop", "size": [32, 32]}]
    with pytest.raises(ConfigError, match=r"^--size-schedule: the recipe cannot work on 24x24 px"):
        run_training(scheduled(data, tmp_path / "run", recipe=crop))
    assert not (tmp_path / "run").exists()


def test_features_have_one_size() -> None:
    crop = scheduled(Path("x"), Path("y")).data.crop
    with pytest.raises(ConfigError, match="--size-schedule is for training"):
        ProbeConfig(weights="w.pt", crop=crop)


def test_teachers_see_every_size_at_their_own(
    whole: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: set[tuple[int, ...]] = set()

    def note(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        seen.add(tuple(inputs[0].shape[2:]))

    from headrace.train.losses.teachers import Teacher

    real = Teacher.__init__

    def watched(self: Teacher, model: nn.Module, *others: Any) -> None:
        model.register_forward_pre_hook(note)
        real(self, model, *others)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Teacher, "__init__", watched)
        run_training(scheduled(data, tmp_path / "run", teacher=[str(whole)]))
    assert seen == {(32, 32)}
    assert "to which each batch is resampled" in capsys.readouterr().out
    wide = ["24x28:0.5", "32:1"]
    with pytest.raises(ConfigError, match="--size-schedule 24x28 has another aspect"):
        run_training(scheduled(data, tmp_path / "wide", teacher=[str(whole)], size_schedule=wide))


CODE = """
import json
import sys
from pathlib import Path
import torch
import headrace.train.loop
from headrace.train.run import run_training
from tests.train.tiny_runs import settings

seen, real = [], headrace.train.loop.optimise

def watched(run, images, targets):
    seen.append(images.shape[2])
    real(run, images, targets)

headrace.train.loop.optimise = watched
sizes = ["24:0.5", "32:1"]
run_training(settings(Path(sys.argv[1]), Path(sys.argv[2]), size=None, size_schedule=sizes))
print(json.dumps(seen), file=sys.stderr)
"""


@NEEDS_GROUP
def test_processes_change_the_size_together(data: Path, tmp_path: Path) -> None:
    for status, _, errors in processes(2, CODE, str(data), str(tmp_path / "run")):
        assert status == 0, errors
        sizes = json.loads(errors.splitlines()[-1])
        half = len(sizes) // 2
        assert sizes == [24] * half + [32] * half


def test_nothing_is_drawn_otherwise(data: Path, tmp_path: Path) -> None:
    """The augmenter's random stream ends where that of a run of one size does."""
    plain = {"epochs": 2, "recipe": "trivial", "model": "small-resnet"}
    run_training(settings(data, tmp_path / "fixed", **plain))
    two = {"size": None, "size_schedule": ["16:0.5", "32:1"]}
    run_training(settings(data, tmp_path / "scheduled", **plain, **two))
    states = [load_checkpoint(tmp_path / name)["ranks"] for name in ("fixed", "scheduled")]
    one, other = (state[0]["augmenter"]["generator"] for state in states)
    assert torch.equal(one, other)
