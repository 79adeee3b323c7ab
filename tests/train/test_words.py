"""Flags of a training run: those of the chosen techniques, by their flat and their nested names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flat_settings import setting_types, walk
from headrace.train.command_line import EVERYDAY, read_command_line
from headrace.train.optimizers import adamw, sgd
from headrace.train.settings.config import RunConfig
from headrace.train.settings.config_file import dump_yaml, from_flat, load_yaml, to_flat
from headrace.train.settings.optim import OptimConfig
from headrace.train.settings.rooms import ROOMS, settings_kind

ALL = [(room, name) for room, techniques in ROOMS.items() for name in techniques]


def read(line: str) -> RunConfig:
    return read_command_line(line.split())[0]


def test_a_technique_brings_its_flags() -> None:
    optim = read("--optimizer sgd --momentum 0.8 --no-nesterov").optim
    assert optim.settings_of("optimizer") == sgd.Settings(momentum=0.8, nesterov=False)
    optim = read("--schedule multistep --milestones 3 5.5 --loss focal --focal-gamma=1").optim
    assert optim.settings_of("schedule").milestones == (3.0, 5.5)
    assert optim.settings_of("loss").focal_gamma == 1


@pytest.mark.parametrize(("room", "name"), ALL)
def test_no_setting_has_the_name_of_another_one(room: str, name: str) -> None:
    own = setting_types(settings_kind(room, name))
    shared = {name for name, _ in walk(RunConfig)}
    assert not own.keys() & shared
    for other, techniques in ROOMS.items():
        for theirs in techniques if other != room else ():
            assert not own.keys() & setting_types(settings_kind(other, theirs)).keys()


@pytest.mark.parametrize(("room", "name"), ALL)
def test_every_technique_goes_through_flags_and_yaml(room: str, name: str, tmp_path: Path) -> None:
    config = read(f"--{room} {name}")
    assert config.optim.chosen[room] == name
    assert config.optim.settings_of(room) == settings_kind(room, name)()
    (tmp_path / "run.yaml").write_text(dump_yaml(config))
    assert load_yaml(tmp_path / "run.yaml") == config
    assert read(f"--config {tmp_path}/run.yaml") == config


@pytest.mark.parametrize(
    ("nested", "flat"),
    [
        ("--optim.name adamw --optim.lr 3e-4", "--optimizer adamw --lr 3e-4"),
        ("--optim.name=sgd --optim.momentum=0.7", "--optimizer sgd --momentum 0.7"),
        ("--optimizer.name sgd --optimizer.no-nesterov", "--optimizer sgd --no-nesterov"),
        ("--loss.name focal --loss.focal-gamma 3", "--loss focal --focal-gamma 3"),
        ("--schedule.name step --schedule.decay_every 3", "--schedule step --decay-every 3"),
        ("--model.name small-resnet --model.dropout 0.1", "--model small-resnet --dropout 0.1"),
        ("--data.batch-size 4 --data.crop.size 32", "--batch-size 4 --size 32"),
        ("--data.size 32 --data.decode.workers 2", "--size 32 --workers 2"),
        ("--runtime.no-tensorboard --runtime.out=a.b", "--no-tensorboard --out a.b"),
        ("--objective.name sam --objective.rho 0.1", "--objective sam --rho 0.1"),
        ("--average.name ema --average.ema-decay 0.9", "--average ema --ema-decay 0.9"),
        ("--optim.groups.layer-decay 0.7 --optim.penalty 1", "--layer-decay 0.7 --penalty 1"),
    ],
)
def test_nested_names_are_the_flat_flags(nested: str, flat: str) -> None:
    assert read(nested) == read(flat) != RunConfig()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "--momentum 3",
            "--momentum is a setting of optimizer sgd, rmsprop, muon, but the optimizer is adamw",
        ),
        (
            "--optim.name sgd --optim.betas 0 0",
            "--optim.betas is a setting of optimizer adamw, adam, adabound, lion, but the "
            "optimizer is sgd",
        ),
        (
            "--decay-factor=3",
            "--decay-factor is a setting of schedule step, multistep, exponential, plateau, but "
            "the schedule is cosine",
        ),
        (
            "--optm.lr 3",
            "--optm.lr: there is no part 'optm' of the settings; did you mean 'optim'?",
        ),
        (
            "--optim.lrr 3",
            "--optim.lrr: there is no setting 'lrr' of optim; did you mean 'lr'?",
        ),
        (
            "--runtime.lr 3",
            "--runtime.lr: there is no setting 'lr' of runtime; known are out, overwrite, seed, "
            "device, amp, compile, deterministic, log-every, save-every, tensorboard, "
            "tensorboard-media, log, profile, report",
        ),
        (
            "--optim.nam sgd",
            "--optim.nam: there is no setting 'nam' of optim; did you mean 'name'?",
        ),
        (
            "--optim.name sdg --optim.lr 3",
            "--optimizer sdg: expected one of adamw, sgd, adam, rmsprop, adagrad, adabound, lion, "
            "muon; did you mean sgd? (see headrace train --help-all)",
        ),
        (
            "--optimizer sgd --momentun 3",
            "Unrecognized options: --momentun, 3; did you mean --momentum? "
            "(see headrace train --help-all)",
        ),
        (
            "--label-smoothing 2",
            "--label-smoothing is 2.0, expected from 0 to below 1 (see headrace train --help-all)",
        ),
    ],
)
def test_what_cannot_be_is_told_in_one_line(
    line: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["headrace"])
    with pytest.raises(ConfigError) as error:
        read(line)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"momentum": 0.8}, "x: momentum is a setting of optimizer sgd, rmsprop, muon, but the"),
        ({"loss": "focal", "label_smoothing": 0.1}, "x: label_smoothing is a setting of loss"),
        ({"optimizer": ["sgd"]}, "x: --optimizer is ['sgd'], expected one of adamw, sgd"),
        ({"optimizer": "sdg"}, "x: --optimizer is 'sdg', expected one of adamw, sgd"),
        ({"optimizer": "sgd", "momentum": "much"}, "x: momentum is 'much', expected a number"),
        ({"schedule": "multistep", "milestones": [3, "x"]}, "x: milestones is 'x', expected a nu"),
    ],
)
def test_what_cannot_be_in_a_file_is_told(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        from_flat(values, "x")
    assert str(error.value).startswith(message)


def test_a_flag_may_choose_another_technique_than_the_file(tmp_path: Path) -> None:
    """Which then has its own defaults; what all techniques share stays as the file has it."""
    path = tmp_path / "run.yaml"
    path.write_text("optimizer: sgd\nmomentum: 0.5\nlr: 0.3\nlabel_smoothing: 0.2\n")
    assert read(f"--config {path}").optim.settings_of("optimizer").momentum == 0.5
    other = read(f"--config {path} --optimizer rmsprop").optim
    assert other.settings_of("optimizer") == settings_kind("optimizer", "rmsprop")()
    assert (other.lr, other.settings_of("loss").label_smoothing) == (0.3, 0.2)
    again = read(f"--config {path} --optimizer sgd").optim
    assert again.settings_of("optimizer").momentum == 0.5


def test_settings_of_another_technique_are_refused_in_python() -> None:
    own = sgd.Settings(momentum=0.5)
    given = OptimConfig(optimizer="sgd", optimizer_settings=own)
    assert given.settings_of("optimizer") is own
    with pytest.raises(ConfigError, match=r"optimizer is 'sgd', .* expected .*\.sgd\.Settings"):
        OptimConfig(optimizer="sgd", optimizer_settings=adamw.Settings())


def test_help_shows_what_everyone_uses_and_help_all_the_rest(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    shown = {}
    for flag in ("--help", "--help-all"):
        with pytest.raises(SystemExit) as end:
            read(f"--optimizer sgd --schedule wsd {flag}")
        assert end.value.code == 0
        shown[flag] = capsys.readouterr().out
    everyday = {f"--{name.replace('_', '-')}" for name in EVERYDAY}
    words = set(re.findall(r"--[a-z][a-z-]*(?![a-z-]|[.]{3})", shown["--help"]))
    assert words == everyday | {"--help", "--help-all", "--quiet"}
    assert "(default: sgd)" in shown["--help"] and "Passes over the training" in shown["--help"]
    for flag in (*everyday, "--momentum", "--nesterov", "--decay-share", "--crop-scale"):
        assert f"{flag} " in shown["--help-all"] or f"{flag}," in shown["--help-all"]
    assert "--betas" not in shown["--help-all"]
    flags = {f"--{name.replace('_', '-')}" for name in to_flat(read("--optimizer sgd"))}
    missing = {flag for flag in flags - {"--min-lr"} if flag not in shown["--help-all"]}
    assert not missing
