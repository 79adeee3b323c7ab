"""A run's settings: checked, flat in YAML, and guarded on resume."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.pipeline.crops.settings import CropConfig
from headrace.pipeline.errors import ConfigError, HeadraceError
from headrace.pipeline.flat_settings import walk
from headrace.pipeline.loaders.settings import DecodeConfig
from headrace.train.command_line import read_command_line
from headrace.train.settings.config import (
    DataConfig,
    ModelConfig,
    OptimConfig,
    RunConfig,
    RuntimeConfig,
)
from headrace.train.settings.config_file import (
    changed_keys,
    dump_yaml,
    from_flat,
    load_yaml,
    to_flat,
)


def test_names_are_unique_over_the_parts() -> None:
    names = [name for name, _ in walk(RunConfig)]
    assert len(names) == len(set(names)) > 40


@pytest.mark.parametrize(
    "config",
    [
        RunConfig(),
        RunConfig(
            data=DataConfig(
                data="a.beton",
                decode=DecodeConfig(workers=3),
                crop=CropConfig(crop_scale=(0.5, 1.0), size=(96, 128)),
                drop_last=True,
            ),
            model=ModelConfig(recipe=["hflip", {"op": "rotate", "degrees": 10}], dropout=0.2),
            optim=OptimConfig(optimizer="sgd", lr=1e-05, weight_decay=0.0),
            runtime=RuntimeConfig(
                out="x", amp="off", compile="on", tensorboard=False, seed=2**62 + 1
            ),
        ),
    ],
)
def test_yaml_round_trip(config: RunConfig, tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(dump_yaml(config))
    assert load_yaml(path) == config


def test_yaml_reads_numbers_and_switches_as_people_write_them(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("lr: 1e-3\namp: off\ncompile: on\ncrop_scale: [0.5, 1]\nworkers: auto\n")
    config = load_yaml(path)
    assert config.optim.lr == 0.001
    assert (config.runtime.amp, config.runtime.compile) == ("off", "on")
    assert config.data.crop.crop_scale == (0.5, 1.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("batchsize: 3", "unknown setting 'batchsize'; did you mean 'batch_size'"),
        ("epochs: 2.5", "epochs is 2.5, expected a whole number"),
        ("epochs: .inf", "epochs is inf, expected a whole number"),
        ("epochs: .nan", "epochs is nan, expected a whole number"),
        ("lr: 1" + 400 * "0", "expected a number"),
        ("lr: fast", "lr is 'fast', expected a number"),
        ("workers: many", "workers is 'many', expected a whole number or auto or nothing"),
        ("drop_last: 3", "drop_last is 3, expected true or false"),
        ("crop_scale: 3", "crop_scale is 3, expected two numbers"),
        ("size: 2", "--size is 2, expected 8 to 4096 pixels"),
        ("- 1", "holds a list"),
        ("a: [", "is not YAML"),
    ],
)
def test_yaml_errors_name_file_and_key(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        load_yaml(path)
    assert message in str(error.value)
    assert "run.yaml" in str(error.value)
    assert "\n" not in str(error.value)


def test_missing_yaml_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"{tmp_path} is a folder, expected a YAML file of .*s$"):
        load_yaml(tmp_path)
    (tmp_path / "config.yaml").touch()
    with pytest.raises(ConfigError, match=f"did you mean {tmp_path}/config.yaml"):
        load_yaml(tmp_path)
    with pytest.raises(ConfigError, match="cannot read"):
        load_yaml(tmp_path / "nope.yaml")


def test_unknown_key_from_a_dict() -> None:
    with pytest.raises(ConfigError, match="unknown setting 'foo'"):
        from_flat({"foo": 1}, "test")


def test_flags_override_the_yaml(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("epochs: 7\nlr: 0.5\nrecipe: [hflip]\n")
    config, resume = read_command_line(["--config", str(path), "--epochs", "3", "--data", "x"])
    assert (config.optim.epochs, config.optim.lr, config.model.recipe) == (3, 0.5, ["hflip"])
    assert (config.data.data, resume) == ("x", "")
    again, _ = read_command_line([f"--config={path}", "--recipe", "[hflip, {op: rotate}]"])
    assert again.model.recipe == ["hflip", {"op": "rotate"}]


def test_every_documented_flag_is_known() -> None:
    args = (
        "--data a --loader dali --model m --size 64 --epochs 2 --batch-size 8 --lr 0.1 "
        "--weight-decay 0 --optimizer sgd --warmup-epochs 0.5 --label-smoothing 0 --clip-grad 0 "
        "--patience 3 --recipe none --seed 1 --out o --device cpu --workers 2 --limit-batches 3 "
        "--crop-scale 0.3 1 --eval-crop 1 --compile off --amp off --log-every 5 --save-every 7 "
        "--drop-last --pretrained --dropout 0.1 --no-tensorboard"
    ).split()
    config, _ = read_command_line(args)
    flat = to_flat(config)
    assert (flat["crop_scale"], flat["weight_decay"], flat["drop_last"]) == ([0.3, 1.0], 0.0, True)


@pytest.mark.parametrize(
    "args",
    [
        ["--foo", "3"],
        ["--lr", "x"],
        ["--size", "2"],
        ["--loader", "foo"],
        ["--crop-scale", "2", "3"],
        ["--epochs"],
        ["--config", "nope.yaml"],
        ["--resume", "nope"],
    ],
)
def test_wrong_flags_are_one_line_that_names_them(args: list[str]) -> None:
    with pytest.raises(HeadraceError) as error:
        read_command_line(args)
    text = str(error.value)
    assert "\n" not in text
    assert "│" not in text
    assert args[0] in text or args[-1] in text


def test_resume_may_change_only_what_leaves_the_numbers_alone() -> None:
    before = RunConfig(data=DataConfig(data="a"))
    moved = RunConfig(
        data=DataConfig(data="b", decode=DecodeConfig(workers=1, loader="torchvision")),
        runtime=RuntimeConfig(log_every=3, out="o"),
    )
    assert changed_keys(before, moved) == []
    other = RunConfig(data=DataConfig(data="a", batch_size=64), optim=OptimConfig(lr=0.1, epochs=3))
    assert changed_keys(before, other) == ["batch_size", "lr"]  # more epochs train it longer
