"""Which mean and deviation a run normalises with, and that it is the same ever after."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from headrace.augment.preprocess import IMAGENET_MEAN, IMAGENET_STD
from headrace.pipeline.crops.settings import CropConfig
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.records import Records
from headrace.train.command_line import read_command_line
from headrace.train.data.normalisation import make_preprocess, statistics_of
from headrace.train.folder.checkpoint import load_checkpoint
from headrace.train.run import run_training
from headrace.train.settings.config import ModelConfig
from tests.train.tiny_runs import settings, write_data

OWN = ((0.4, 0.5, 0.6), (0.1, 0.2, 0.3))


@pytest.fixture
def bare(tmp_path: Path) -> Records:
    """Records that know no mean and deviation."""
    return Records.open(write_data(tmp_path / "bare.beton"))


@pytest.fixture
def measured(tmp_path: Path) -> Records:
    """Records that do."""
    records = Records.open(write_data(tmp_path / "measured.beton"))
    records.manifest = dataclasses.replace(records.manifest, mean=OWN[0], std=OWN[1])
    return records


@pytest.mark.parametrize(
    ("name", "expected", "whose"),
    [
        ("auto", OWN, "the data's"),
        ("data", OWN, "the data's"),
        ("imagenet", (IMAGENET_MEAN, IMAGENET_STD), "ImageNet's"),
        ("half", ((0.5,) * 3, (0.5,) * 3), "one half"),
        ("none", ((0.0,) * 3, (1.0,) * 3), "none"),
    ],
)
def test_a_name_decides_for_training_and_evaluation(
    name: str, expected: tuple[tuple[float, ...], ...], whose: str, measured: Records
) -> None:
    lines: list[str] = []
    config = ModelConfig(normalise=name)  # type: ignore[arg-type]
    made = make_preprocess(config, CropConfig(size=32), measured, say=lines.append)
    assert (made.mean, made.std) == expected
    assert len(lines) == 1 and lines[0].endswith(f"({whose})")
    image = torch.full((1, 3, 2, 2), 255, dtype=torch.uint8)
    wanted = [(1 - mean) / std for mean, std in zip(*expected, strict=True)]
    assert made.normalise(image)[0, :, 0, 0].tolist() == pytest.approx(wanted, rel=1e-5)


def test_without_numbers_of_its_own_the_data_gets_imagenets_or_a_question(bare: Records) -> None:
    found, whose = statistics_of(ModelConfig(), bare)
    assert found == (IMAGENET_MEAN, IMAGENET_STD)
    assert whose == f"ImageNet's; {bare.path} holds none of its own"
    with pytest.raises(ConfigError, match=r"--normalise is 'data', but .* pack it, or give"):
        statistics_of(ModelConfig(normalise="data"), bare)


def test_published_weights_bring_their_own(measured: Records) -> None:
    timm = pytest.importorskip("timm")
    theirs = timm.get_pretrained_cfg("vit_tiny_patch16_224")
    for normalise in ("auto", "model"):
        config = ModelConfig(
            model="timm:vit_tiny_patch16_224",
            pretrained=True,
            normalise=normalise,
        )
        found, whose = statistics_of(config, measured)
        assert found == (tuple(theirs.mean), tuple(theirs.std)) == ((0.5,) * 3, (0.5,) * 3)
        assert whose == "those of the weights of timm:vit_tiny_patch16_224"
    config = ModelConfig(model="torchvision:resnet18", pretrained=True)
    assert statistics_of(config, measured)[0] == (IMAGENET_MEAN, IMAGENET_STD)
    # Weights that start from nothing bring nothing.
    assert statistics_of(dataclasses.replace(config, pretrained=False), measured)[0] == OWN
    config = ModelConfig(model="hub:a/b:net", pretrained=True)
    assert statistics_of(config, measured) == (
        OWN, "the data's; hub:a/b:net does not tell its own",
    )  # fmt: skip
    with pytest.raises(ConfigError, match=r"'model', but hub:a/b:net does not tell"):
        statistics_of(dataclasses.replace(config, normalise="model"), measured)


def test_model_needs_weights_to_start_from() -> None:
    with pytest.raises(ConfigError, match=r"--normalise is 'model', expected another"):
        ModelConfig(normalise="model")


def test_a_run_keeps_it_and_hands_it_on_with_its_weights(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_data(tmp_path / "a.beton")
    quick = {"epochs": 1, "limit_batches": 1, "recipe": "flip", "warmup_epochs": 0}
    one = tmp_path / "one"
    run_training(settings(data, one, **quick, normalise="half"))
    assert "normalisation: mean 0.5 0.5 0.5, deviation 0.5 0.5 0.5 (one half)" in (
        capsys.readouterr().out
    )
    assert load_checkpoint(one / "best.pt")["preprocess"]["mean"] == [0.5] * 3
    run = run_training(*read_command_line(["--resume", str(one), "--epochs", "2"]))
    assert run.preprocess.std == (0.5,) * 3
    assert "(as before)" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="changed --normalise"):
        words = ["--resume", str(one), "--epochs", "3", "--normalise", "none"]
        run_training(*read_command_line(words))
    run = run_training(settings(data, tmp_path / "two", **quick, weights=str(one)))
    assert run.preprocess.std == (0.5,) * 3
    assert f"(those of the weights of {one})" in capsys.readouterr().out
    torch.save(run.model.state_dict(), tmp_path / "bare.pth")
    bare = str(tmp_path / "bare.pth")
    assert run_training(settings(data, tmp_path / "three", **quick, weights=bare)).preprocess.std
    assert "bare.pth does not tell its own" in capsys.readouterr().out
