"""Runs on several data files: settings, shares, resume, and that photographs alone are measured."""

from __future__ import annotations

import dataclasses
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import headrace.train.losses.build
from headrace.pipeline.containers.manifest import Manifest
from headrace.pipeline.data_files import first_path, short_words
from headrace.pipeline.errors import ConfigError, Interrupted
from headrace.pipeline.records import Records
from headrace.tools.exporting.trial_images import trials
from headrace.train.command_line import read_command_line, read_flags
from headrace.train.data.file_lines import file_lines
from headrace.train.data.inputs import data_fingerprint
from headrace.train.data.labels import check_held_out
from headrace.train.data.real_only import check_real, made_by
from headrace.train.evaluate import EvaluateConfig, evaluate
from headrace.train.folder.resume import check_data_found
from headrace.train.folder.run_folder import numbered_folder
from headrace.train.losses.build import build_loss
from headrace.train.run import run_training
from headrace.train.settings.config import DataConfig
from headrace.train.settings.config_file import dump_yaml, from_flat, load_yaml
from headrace.train.settings.optim import OptimConfig
from headrace.train.trials.data_check import check_data
from headrace.train.trials.folder import Trials, read_trials, write_trials
from headrace.train.trials.settings import TrialsConfig
from tests.builders import write_beton
from tests.train.test_loop import stop_after
from tests.train.tiny_runs import assert_same_run, rows, settings, tinted


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """14 synthetic samples of two of the classes, the other way round; 2 more in a split `val`."""
    made = [tinted(100 + i, (2, 0)[i % 2], i % 2) for i in range(16)]
    manifest = Manifest(
        classes=("class 2", "class 0"),
        splits={"train": (0, 14), "val": (14, 16)},
        synthetic={"generator": "flow-32", "seed": 3},
    )
    return write_beton(tmp_path_factory.mktemp("made up") / "made_up.beton", made, manifest)


@pytest.fixture(scope="module")
def to_learn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Synthetic samples of a training split alone, all classes in another order."""
    made = [tinted(200 + i, (1, 0, 2)[i % 3], i % 3) for i in range(12)]
    manifest = Manifest(
        classes=("class 1", "class 0", "class 2"), synthetic={"generator": "flow-32", "seed": 3}
    )
    return write_beton(tmp_path_factory.mktemp("made up") / "to_learn.beton", made, manifest)


def mixed(data: Path, other: Path, folder: Path, share: str = "0.25", **changes: Any) -> Any:
    config = settings(data, folder, **changes)
    part = dataclasses.replace(config.data, data=(str(data), f"{other}:{share}"))
    return dataclasses.replace(config, data=part)


def test_flags_take_several_files() -> None:
    config, _ = read_command_line(["--data", "a.beton", "b.beton:0.3", "c", "--epochs", "2"])
    assert config.data.data == ("a.beton", "b.beton:0.3", "c")
    assert config.optim.epochs == 2
    for words in (["--data", "a"], ["--data=a"]):
        assert read_command_line(words)[0].data.data == "a"
    with pytest.raises(ConfigError) as error:
        read_command_line(["--epochs", "2", "--data"])
    assert "--data" in str(error.value) and "\n" not in str(error.value)


def test_yaml_takes_a_text_or_a_list(tmp_path: Path) -> None:
    config = from_flat({"data": ["a", "b:0.3"]}, "test")
    assert config.data.data == ("a", "b:0.3")
    (tmp_path / "config.yaml").write_text(dump_yaml(config))
    assert load_yaml(tmp_path / "config.yaml") == config
    assert "data: [a, 'b:0.3']" in dump_yaml(config)
    assert from_flat({"data": ["a"]}, "test") == from_flat({"data": "a"}, "test")
    for wrong in ([], [1], {"a": 1}, ["a", ["b"]]):
        with pytest.raises(ConfigError, match="data is"):
            from_flat({"data": wrong}, "test")


def test_the_run_folder_is_called_after_the_first_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = from_flat({"data": ["x/real.beton", "other.beton:0.3"]}, "test")
    assert numbered_folder(config).name.startswith("real-")
    assert first_path(config.data.data) == Path("x/real.beton")
    assert short_words(("x/real.beton", "y/b.beton:0.3")) == "real.beton and b.beton:0.3"


@pytest.fixture(scope="module")
def whole(data: Path, to_learn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on both files that nobody disturbed."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    run_training(mixed(data, to_learn, folder))
    return folder


def test_a_run_says_what_comes_from_where(whole: Path, data: Path, to_learn: Path) -> None:
    assert [row["global_step"] for row in rows(whole, "step")][-1] == 14  # 7 of 8 in an epoch
    assert load_yaml(whole / "config.yaml").data.data == (str(data), f"{to_learn}:0.25")
    with Records.open([data, f"{to_learn}:0.25"]) as records:
        assert file_lines(records, DataConfig()) == [
            f"  {data}: 42 train, 12 val samples",
            f"  {to_learn} (synthetic, made by flow-32, seed 3): 12 train, 0 val samples, of which "
            "an epoch draws 14 to train on, a share of 0.25, up to 2 times each",
        ]
    with Records.open(data) as records:
        assert file_lines(records, DataConfig()) == []
    with Records.open(to_learn) as records:
        assert len(file_lines(records, DataConfig())) == 1


def test_a_stopped_run_resumes_bit_for_bit(
    whole: Path,
    data: Path,
    to_learn: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        stop_after(10, patch)  # the third step of the second epoch
        with pytest.raises(Interrupted, match="--resume"):
            run_training(mixed(data, to_learn, folder))
    with pytest.raises(ConfigError, match="sizes, shares or weights of them; give the same data"):
        run_training(mixed(data, to_learn, folder, "0.26"), resume=str(folder))
    with pytest.raises(ConfigError, match="holds other samples"):
        run_training(settings(data, folder), resume=str(folder))
    moved = to_learn.with_name("moved.beton")
    moved.hardlink_to(to_learn)
    capsys.readouterr()
    run_training(mixed(data, moved, folder), resume=str(folder))
    said = capsys.readouterr().out
    assert f"data: {data} {moved}:0.25, 3 classes, 56 train, 12 val samples\n  {data}: 42" in said
    assert_same_run(whole, folder, free=("out", "save_every", "data"))


def test_a_file_of_several_that_has_gone_is_named(data: Path, tmp_path: Path) -> None:
    gone = tmp_path / "gone.beton"
    with pytest.raises(ConfigError, match=r"gone\.beton, is not there .* with every file of"):
        check_data_found(mixed(data, gone, tmp_path / "run"))


def test_shares_are_part_of_what_a_run_is_of(data: Path, to_learn: Path) -> None:
    prints = set()
    every: list[list[str | Path]] = [
        [data, to_learn],
        [data, f"{to_learn}:0.3"],
        [data, f"{to_learn}:0.4"],
        [data],
    ]
    for given in every:
        with Records.open(given) as records:
            prints.add(data_fingerprint(records, ("train", "val")))
    assert len(prints) == 4


def test_class_weights_count_what_comes_in_an_epoch(
    data: Path, made_up: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[list[float]] = []

    def class_weights(settings: object, counts: torch.Tensor) -> None:
        counted.append(counts.tolist())

    monkeypatch.setattr(headrace.train.losses.build, "class_weights", class_weights)
    for given in ([str(data), f"{made_up}:0.5"], [str(data), str(made_up)]):
        with Records.open(given) as records:
            build_loss(OptimConfig(), records, "train", 3, torch.device("cpu"))
    assert counted == [[14 + 21, 14, 14 + 21], [14 + 7, 14, 14 + 7]]


def test_synthetic_images_are_not_measured_on(data: Path, made_up: Path, tmp_path: Path) -> None:
    with Records.open([data, made_up]) as records:
        with pytest.raises(ConfigError) as error:
            check_held_out(records, "val", 3, "train")
        assert str(error.value) == (
            f"--val-split val has 2 samples of {made_up} (synthetic, made by flow-32, seed 3), and "
            "a score on these says nothing of photographs; measure on real images: choose a "
            "--val-split without that file's, or hold nothing out with --val-split none"
        )
        check_held_out(records, "none", 3, "train")
        check_real(records, np.arange(42), "these")
        for split, flag in (
            ("train | 20%, seed 0", "--val-fraction"),
            ("train | fold 0 of 3, seed 0", "--folds"),
        ):
            with pytest.raises(ConfigError, match=f"leave {flag} out and hold real images out"):
                check_held_out(records, split, 3, "none")
    with pytest.raises(ConfigError, match=r"--val-split val has 2 samples of .*made_up\.beton"):
        run_training(mixed(data, made_up, tmp_path / "run"))
    assert not (tmp_path / "run").exists()
    assert made_by(Records.open(data).files[0]) == ""


def test_a_synthetic_file_alone_is_learnt_from_and_not_evaluated(
    to_learn: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    run_training(settings(to_learn, folder, epochs=1, val_split="none"))
    said = capsys.readouterr().out
    assert "(synthetic, made by flow-32, seed 3): 12 train, 0 val samples" in said
    with pytest.raises(ConfigError, match=r"--split train has 12 samples of .* says nothing of"):
        evaluate(EvaluateConfig(paths=(str(folder), str(to_learn)), split="train", workers=0))
    with pytest.raises(ConfigError, match="--val-split train has 12 samples"):
        run_training(settings(to_learn, tmp_path / "other", val_split="train"))


def _trials(config: Any, folder: Path, **asked: int) -> Trials:
    return Trials(folder=folder, asked=TrialsConfig(**asked), config=config)


def test_trials_of_several_files(data: Path, to_learn: Path, made_up: Path, tmp_path: Path) -> None:
    config = mixed(data, to_learn, tmp_path / "runs")
    assert check_data(_trials(config, tmp_path, repeats=2)).startswith("2 runs")
    with pytest.raises(ConfigError, match=r"--folds 3 of train has 12 samples of .* leave --folds"):
        check_data(_trials(config, tmp_path, folds=3))
    with pytest.raises(ConfigError, match="--val-split val has 2 samples of"):
        check_data(_trials(mixed(data, made_up, tmp_path / "runs"), tmp_path, repeats=2))
    balanced = mixed(data, to_learn, tmp_path / "runs", sampling="balanced")
    with pytest.raises(ConfigError, match="sampling is 'balanced' beside the share"):
        check_data(_trials(balanced, tmp_path, repeats=2))
    asked = _trials(config, tmp_path, repeats=2)
    write_trials(asked)
    assert read_trials(tmp_path) == asked


def test_a_drawn_split_of_synthetic_images_is_refused(
    data: Path, to_learn: Path, tmp_path: Path
) -> None:
    words = ["--data", str(data), f"{to_learn}:0.3", "--val-fraction", "0.2", "--device", "cpu"]
    asked = read_flags([*words, "--out", str(tmp_path / "run")])
    with pytest.raises(ConfigError, match=r"of .*to_learn\.beton .* leave --val-fraction out"):
        run_training(asked.run)


def test_an_exported_file_is_compared_on_images_of_all_files(data: Path, to_learn: Path) -> None:
    config = {"data": [str(data), f"{to_learn}:0.3"], "val_split": "val"}
    member: Any = types.SimpleNamespace(
        checkpoint={"config": config},
        preprocess=types.SimpleNamespace(
            crop=types.SimpleNamespace(shape=lambda train: (32, 32)),
        ),
    )
    origin = trials(member, "").origin
    assert origin == f"8 of {data} {to_learn}:0.3, and made-up ones"
