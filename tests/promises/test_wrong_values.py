"""Every flag of every command, given what cannot work: one line that names it, or a sane value."""

from __future__ import annotations

import dataclasses
import importlib
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any, get_args

import pytest

from headrace.pipeline.command_line import SCRIPTS
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flags import parse
from headrace.pipeline.flat_settings import flag_of, setting_types, to_flat
from headrace.pipeline.limits import LIMITS, MOST
from headrace.train.command_line import read_flags
from headrace.train.settings.config import RunConfig
from headrace.train.settings.config_file import from_flat
from headrace.train.settings.rooms import ROOMS, settings_kind

KINDS: dict[str, tuple[str, str]] = {
    "pack": ("PackSettings", "source out.beton"),
    "info": ("InfoSettings", "a.beton --check src"),
    "preview": ("PreviewSettings", "a.beton"),
    "sample": ("SampleSettings", "out"),
    "summary": ("SummarySettings", ""),
    "train": ("CommandLine", ""),
    "probe": ("ProbeConfig", "--weights w.pt"),
    "generate": ("FitCommand", ""),
    "evaluate": ("EvaluateConfig", "run a.beton"),
    "predict": ("PredictConfig", "run a.beton"),
    "suspects": ("SuspectsSettings", "folds"),
    "report": ("ReportSettings", "run"),
    "export": ("ExportConfig", "run a.onnx"),
    "bench throughput": ("ThroughputSettings", ""),
    "bench augmentation": ("AugmentationSettings", ""),
    "bench packing": ("PackingSettings", ""),
    "bench scaling": ("ScalingSettings", ""),
    "bench max-side": ("MaxSideSettings", "photos"),
    "bench gpu": ("GpuSettings", ""),
    "bench training": ("TrainingSettings", ""),
    "bench transfer": ("TransferSettings", "coarse fine"),
    "bench distillation": ("DistillationSettings", "--data a.beton --out runs"),
    "bench generative": ("GenerativeSettings", "--data a.beton --out runs"),
    "bench accuracy": ("AccuracySettings", "cifar10-fast --data a.beton --out runs"),
    "bench device-model": ("ModelSettings", ""),
    "bench levels": ("LevelsSettings", "photos"),
}
"""Command to its settings and the words without which it does nothing."""
HUGE = "9" * 20
NUMBERS = ("nan", "inf", "-inf", HUGE, f"-{HUGE}", "1e400", "9" * 5000, "", "three")
DEVICES = ("mps", "xpu", "meta", "hip", "gpu", "cuda:x", "cuda:-1", f"cuda:{HUGE}", "cuda:1000", "")
ENDLESS = {"sharpness", "eval_sharpness"}
RENAMED = {"lists": "list"}


def settings_of(command: str) -> Any:
    module = SCRIPTS[command].removesuffix(".py").replace("/", ".")
    return getattr(importlib.import_module(f"headrace.{module}"), KINDS[command][0])


def reader(command: str) -> Callable[[list[str]], Any]:
    if command == "train":
        return read_flags
    kind = settings_of(command)
    return lambda words: parse(kind, f"headrace {command}", words)


def types_in(hint: Any) -> set[Any]:
    inner = get_args(hint)
    return set().union(*map(types_in, inner)) if inner else {hint}


def wrong_values(name: str, hint: Any) -> tuple[str, ...]:
    if name == "device":
        return DEVICES
    return NUMBERS if {int, float} & types_in(hint) else ()


def given(flag: str, hint: Any, value: str) -> list[str]:
    """The words that give a flag a value, or a pair of them."""
    pair = hint in (tuple[float, float], tuple[int, int])
    return [flag, value, value] if pair else [f"{flag}={value}"]


def check_answer(read: Callable[[list[str]], Any], words: list[str], flag: str, value: str) -> None:
    """One line that names the flag and what it holds, or settings in which all numbers are sane."""
    try:
        found = read(words)
    except ConfigError as error:
        said = str(error)
        assert "\n" not in said, (words, said)
        assert len(said) < 2000, (words, len(said))
        assert flag in said, (words, said)
        assert any(form in said for form in forms(value)), (words, said)
    else:
        check_sane(found)


def forms(value: str) -> set[str]:
    """How a message may tell a value: as it was given, or the number that it is."""
    try:
        return {value[:20], str(float(value)), f"a number of {len(value)} digits"}
    except ValueError:
        return {value}


def check_sane(settings: Any) -> None:
    for name, value in numbers_in(settings):
        assert math.isfinite(value) or (name in ENDLESS and value > 0), (name, value)
        assert abs(value) <= LIMITS.get(name, MOST), (name, value)


def numbers_in(settings: Any) -> Iterator[tuple[str, float]]:
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if dataclasses.is_dataclass(value):
            yield from numbers_in(value)
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, int | float):
                yield field.name, part


def test_every_command_is_tried() -> None:
    assert set(KINDS) == set(SCRIPTS)


@pytest.mark.parametrize("most", [3, pytest.param(100, marks=pytest.mark.slow)])
@pytest.mark.parametrize("command", KINDS)
def test_wrong_values_of_flags_are_refused_in_one_line(command: str, most: int) -> None:
    read, words, draw = reader(command), KINDS[command][1].split(), Random(0)
    for name, hint in setting_types(settings_of(command)).items():
        flag = flag_of(RENAMED.get(name, name))
        values = wrong_values(name, hint)
        if flag in words:
            continue
        for value in draw.sample(values, min(most, len(values))):
            check_answer(read, [*words, *given(flag, hint, value)], flag, value)


@pytest.mark.parametrize(
    ("room", "technique"), [(room, name) for room, found in ROOMS.items() for name in found]
)
def test_wrong_values_of_a_technique_are_refused_in_one_line(room: str, technique: str) -> None:
    for name, hint in setting_types(settings_kind(room, technique)).items():
        flag = flag_of(name)
        for value in ("nan", "inf", HUGE, "three") if wrong_values(name, hint) else ():
            words = [f"--{room}={technique}", *given(flag, hint, value)]
            check_answer(read_flags, words, flag, value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 10**20, -(10**20), [], {}, "x"])
def test_a_settings_file_is_as_strict(value: Any) -> None:
    flat = to_flat(RunConfig())
    for name, hint in setting_types(RunConfig()).items():
        if not {int, float} & types_in(hint):
            continue
        try:
            found = from_flat({**flat, name: value}, "run.yaml")
        except ConfigError as error:
            said = str(error)
            assert said.startswith("run.yaml: ") and "\n" not in said
            assert name in said or flag_of(name) in said, (name, said)
        else:
            check_sane(found)


def test_no_text_of_a_settings_file_holds_a_nul() -> None:
    for name, hint in setting_types(RunConfig()).items():
        if hint is not Any and str in types_in(hint):
            with pytest.raises(ConfigError) as error:
                from_flat({name: "a\0b"}, "run.yaml")
            said = str(error.value)
            assert (name in said or flag_of(name) in said) and "\0" not in said, (name, said)


def test_the_limits_are_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    for command, (_, words) in KINDS.items():
        with pytest.raises(SystemExit):
            reader(command)([*words.split(), "--help-all" if command == "train" else "--help"])
        said = " ".join(capsys.readouterr().out.split())
        for name, hint in setting_types(settings_of(command)).items():
            if {int, float} & types_in(hint):
                assert f"at most {MOST}" in said, command
                assert name not in LIMITS or f"{flag_of(name)} {told(name)}" in said, (
                    command,
                    name,
                )


def told(name: str) -> str:
    powers = {2**63 - 1: "2**63 - 1", 10**18 - 1: "10**18 - 1", math.inf: "inf"}
    return powers.get(LIMITS[name], str(LIMITS[name]))


def test_odd_lists_and_files_of_yaml_are_refused(tmp_path: Path) -> None:
    for recipe in ("[" * 3000, "[a, &x [*x]]", "[!!int '']", "[2001-99-99]", f"[{'9' * 5000}]"):
        with pytest.raises(ConfigError, match=r"--recipe.* is not a YAML list") as error:
            read_flags([f"--recipe={recipe}"])
        assert "\n" not in str(error.value) and len(str(error.value)) < 500 + len(recipe)
    bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{new}: &{new} [{', '.join(f'*{old}' for _ in range(10))}]\n"
        for old, new in zip("abcdefghi", "bcdefghij", strict=True)
    )
    texts = ["[" * 3000, "{a: " * 3000, bomb, f"epochs: 0x{'f' * 5000}", "? [a]\n: b"]
    for number, text in enumerate((*texts, " " * (2 << 20))):
        path = tmp_path / f"{number}.yaml"
        path.write_text(text)
        with pytest.raises(ConfigError, match=str(path)) as error:
            read_flags([f"--config={path}"])
        assert "\n" not in str(error.value) and len(str(error.value)) < 500
