"""Models by name."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from headrace.pipeline.errors import ConfigError, HeadraceError
from headrace.train.models import MODELS
from headrace.train.models.build import build_model
from headrace.train.models.spec import ModelSpec


def logits(name: str, size: int, dropout: float = 0.0) -> torch.Tensor:
    model = build_model(ModelSpec(name=name, num_classes=11, size=size, dropout=dropout)).eval()
    with torch.inference_mode():
        return model(torch.zeros(2, 3, size, size))


@pytest.mark.parametrize("size", [32, 64, 128])
@pytest.mark.parametrize(
    "name", [*MODELS, "timm:test_resnet", "torchvision:squeezenet1_1", "torchvision:resnet18"]
)
def test_every_name_takes_every_size(name: str, size: int) -> None:
    assert logits(name, size).shape == (2, 11)


@pytest.mark.parametrize("size", [17, 96])
@pytest.mark.parametrize("name", list(MODELS))
def test_own_models_take_odd_sizes(name: str, size: int) -> None:
    assert logits(name, size).shape == (2, 11)


def test_transformers_get_their_size() -> None:
    assert logits("timm:test_vit", 64).shape == (2, 11)


def test_homework_cnn_is_the_homework_at_128() -> None:
    model = build_model(ModelSpec(name="homework-cnn", num_classes=11, size=128))
    convolutions = [m.out_channels for m in model.modules() if isinstance(m, nn.Conv2d)]
    linear = [(m.in_features, m.out_features) for m in model.modules() if isinstance(m, nn.Linear)]
    assert convolutions == [64, 128, 256, 512, 512]
    assert linear == [(512 * 4 * 4, 1024), (1024, 512), (512, 11)]
    assert isinstance(model, nn.Sequential)
    pool = next(i for i, m in enumerate(model) if isinstance(m, nn.AdaptiveAvgPool2d))
    assert model[:pool](torch.zeros(1, 3, 128, 128)).shape == (1, 512, 4, 4)


@pytest.mark.parametrize("name", [*MODELS, "timm:test_resnet"])
def test_dropout_reaches_the_model(name: str) -> None:
    spec = ModelSpec(name=name, num_classes=3, size=32, dropout=0.5)
    model = build_model(spec)
    kept = [m.p for m in model.modules() if isinstance(m, nn.Dropout)]
    assert 0.5 in kept or getattr(model, "drop_rate", 0) == 0.5


def test_weights_follow_torchs_generator() -> None:
    spec = ModelSpec(name="timm:test_resnet", num_classes=3, size=32)
    states = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        states.append(torch.cat([p.flatten() for p in build_model(spec).parameters()]))
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


@pytest.mark.parametrize(
    ("name", "pretrained", "dropout", "message"),
    [
        ("foo", False, 0.0, "expected homework-cnn"),
        ("resnet50", False, 0.0, r"FUNCTION; did you mean torchvision:resnet50 or timm:resnet50\?"),
        ("resnet18-stridd", False, 0.0, r"FUNCTION; did you mean resnet18-strided\?"),
        ("timm:resnet5O", False, 0.0, r"timm has no model 'resnet5O'; did you mean resnet50\?"),
        ("timm:resnet1888", False, 0.0, "timm has no model"),
        ("torchvision:resnet19", False, 0.0, "torchvision has no classification model"),
        ("report-resnet", True, 0.0, "no published weights"),
        ("torchvision:resnet18", False, 0.5, "has no dropout"),
    ],
)
def test_errors_are_one_line(name: str, pretrained: bool, dropout: float, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as error:
        build_model(ModelSpec(name=name, num_classes=3, size=32, dropout=dropout), pretrained)
    assert "\n" not in str(error.value)


def test_weights_that_cannot_be_fetched_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import timm

    def offline(*args: object, **kwargs: object) -> nn.Module:
        raise OSError("no route\nto host")

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(HeadraceError, match="could not be loaded") as error:
        build_model(ModelSpec(name="timm:test_resnet", num_classes=3, size=32), pretrained=True)
    assert "\n" not in str(error.value)
