"""tools/summary.py: parameters, operations and memory of a model, as text and as JSON."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from headrace.pipeline.errors import ConfigError
from headrace.tools.model_numbers.layers import count_layers
from headrace.tools.summary import main
from headrace.train.models.build import build_model
from headrace.train.models.spec import ModelSpec


def told(words: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    main([*words.split(), "--json", "--device", "cpu"])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize(
    ("words", "parameters"),
    [
        ("report-resnet --classes 11", 19527435),
        ("report-resnet-unpooled --classes 11", 19696395),
        ("report-resnet-deep --classes 11", 25725963),
        ("homework-cnn --classes 11", 12833803),
        ("resnet18 --classes 10", 11181642),
        ("resnet18-cifar --classes 10", 11173962),
    ],
)
def test_parameters(words: str, parameters: int, capsys: pytest.CaptureFixture[str]) -> None:
    found = told(f"--model {words} --size 128 --batch-size 0", capsys)
    assert found["parameters"] == found["trainable"] == parameters
    assert sum(layer["parameters"] for layer in found["layers"]) == parameters
    assert found["memory"] is None


def test_operations_are_those_of_the_convolutions(capsys: pytest.CaptureFixture[str]) -> None:
    found = told("--model homework-cnn --classes 11 --batch-size 0", capsys)
    widths, side, expected = (3, 64, 128, 256, 512, 512), 128, 0
    for before, after in itertools.pairwise(widths):
        expected += 2 * 9 * before * after * side * side
        side //= 2
    expected += 2 * (512 * 16 * 1024 + 1024 * 512 + 512 * 11)
    assert found["flops"] == expected == sum(layer["flops"] for layer in found["layers"])
    outputs = [layer["output"] for layer in found["layers"] if layer["kind"] == "MaxPool2d"]
    assert outputs == [[64, 64, 64], [128, 32, 32], [256, 16, 16], [512, 8, 8], [512, 4, 4]]


@pytest.mark.parametrize("name", ["timm:test_vit", "torchvision:vit_b_32"])
def test_attention_is_counted_and_no_parameter_is_left_out(name: str) -> None:
    """Fused kernels of inference would hide its operations; some parameters are of no layer."""
    model = build_model(ModelSpec(name=name, num_classes=5, size=64)).train()
    numbers = count_layers(model, torch.zeros(1, 3, 64, 64))
    assert model.training
    assert numbers.parameters == sum(p.numel() for p in model.parameters())
    of_layers = sum(layer.flops for layer in numbers.layers)
    assert numbers.flops > of_layers > 0  # the products between layers


def test_shared_and_fixed_parameters_count_once() -> None:
    shared = nn.Linear(4, 4, bias=False)
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 4), shared, nn.Sequential(shared))
    model.get_parameter("1.bias").requires_grad = False
    numbers = count_layers(model, torch.zeros(1, 3, 2, 2))
    assert numbers.parameters == 12 * 4 + 4 + 16
    assert numbers.trainable == numbers.parameters - 4
    assert numbers.flops == 2 * (12 * 4 + 2 * 16)


@pytest.mark.parametrize("name", ["homework-cnn", "timm:test_vit"])
def test_measured_memory_stands_beside_the_estimate(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = told(f"--model {name} --size 64 --batch-size 16 --amp off", capsys)
    memory = found["memory"]
    assert memory["gradients"] == 4 * found["trainable"] == memory["optimizer"] // 2
    parts = ("weights", "gradients", "optimizer", "activations")
    assert memory["estimated"] == sum(memory[part] for part in parts)
    assert memory["estimated"] / 2 < memory["measured"] < memory["estimated"] * 2
    assert memory["measured"] > memory["weights"] + memory["optimizer"]
    assert memory["measured_in"] == "float32, cpu"
    twice = told(f"--model {name} --size 64 --batch-size 32 --amp off", capsys)["memory"]
    assert twice["activations"] == memory["activations"] + 16 * memory["an_image"]


def test_checkpointing_lowers_the_activations(capsys: pytest.CaptureFixture[str]) -> None:
    words = "--model resnet18-cifar --size 32 --batch-size 8 --amp off"
    plain = told(words, capsys)["memory"]
    saving = told(f"{words} --activation-checkpointing", capsys)["memory"]
    assert saving["activations"] < plain["activations"] / 2
    assert saving["measured"] < plain["measured"]


def test_the_text_fits_100_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "net.py"
    path.write_text(
        "from torch import nn\n"
        "class AVeryLongNameOfAnExtraordinaryKindOfLayer(nn.Linear): pass\n"
        "def net(num_classes):\n"
        "    inner = nn.Sequential()\n"
        "    name = 'a_long_name_within_a_long_name_' * 2\n"
        "    inner.add_module(name, AVeryLongNameOfAnExtraordinaryKindOfLayer(40_000, 3000))\n"
        "    inner.get_parameter(name + '.weight').requires_grad = False\n"
        "    return nn.Sequential(nn.AdaptiveAvgPool2d((100, 400)), nn.Conv2d(3, 1, 1),\n"
        "                         nn.Flatten(), inner, nn.Linear(3000, num_classes))\n"
    )
    for words in (f"{path}:net", "timm:test_vit", "airbench --spatial-transformer --whitening"):
        main(["--model", *words.split(), "--size", "32", "48", "--batch-size", "0"])
        text = capsys.readouterr().out
        assert max(map(len, text.splitlines()[1:])) <= 100
        assert "10 classes, 32x48 px" in text
    assert "*" in text and "of which" in text


def test_wrong_settings_are_one_line() -> None:
    for words, message in (
        ("--model no-such", "--model is 'no-such', expected homework-cnn"),
        ("--model timm:test_vit --size 33", "cannot take an image of 33x33 px: Input height (33)"),
        ("--batch-size 1", "--batch-size 1: expected 2 or more"),
        ("--classes 0", "--classes 0: expected 1 or more"),
        ("--size 0", "size is 0, expected 1 to 4096 px"),
    ):
        with pytest.raises(ConfigError) as error:
            main(words.split())
        assert message in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("words", [["{}"], ["--model", "{}"]])
def test_a_run_or_data_in_the_place_of_a_model_is_refused(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    run = tmp_path / "run"
    run.mkdir()
    for name in ("config.yaml", "metrics.jsonl"):
        (run / name).touch()
    images = str(tmp_path / "images")
    shown_by = {"best.pt": "report", "food.beton": "info", str(run): "report", images: "info"}
    for place, command in shown_by.items():
        with pytest.raises(
            ConfigError, match=rf"{place} is no model's name: .* shown by .*{command}.* {place}$"
        ):
            main([word.format(place) for word in words])


def test_a_folder_named_as_a_model_is_in_nobodys_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "small-resnet").mkdir()
    monkeypatch.chdir(tmp_path)
    main("--model small-resnet --size 32 --batch-size 4 --device cpu".split())
    assert "small-resnet" in capsys.readouterr().out
