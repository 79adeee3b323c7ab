"""Our own models are those of their authors: parameters and outputs, beside a second construction.

What stands here is written from the sources, without a line of ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from headrace.train.models import MODELS
from headrace.train.models.build import build_model
from headrace.train.models.spec import ModelSpec
from headrace.train.models.whitening import whiten


def homework(classes: int) -> nn.Module:
    """The homework's sample code."""

    def block(i: int, o: int) -> list[nn.Module]:
        return [nn.Conv2d(i, o, 3, 1, 1), nn.BatchNorm2d(o), nn.ReLU(), nn.MaxPool2d(2, 2, 0)]

    return nn.Sequential(
        *block(3, 64),
        *block(64, 128),
        *block(128, 256),
        *block(256, 512),
        *block(512, 512),
        nn.Flatten(),
        nn.Linear(512 * 4 * 4, 1024),
        nn.ReLU(),
        nn.Linear(1024, 512),
        nn.ReLU(),
        nn.Linear(512, classes),
    )


class Stages(nn.Module):
    """A stem, blocks of two 3×3 convolutions, and a head, as one list of layers."""

    def __init__(
        self, stem: list[nn.Module], blocks: list[tuple[int, int, int]], bias: bool, head: nn.Module
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(*stem)
        self.blocks = nn.ModuleList()
        for i, o, s in blocks:
            layers = [nn.Conv2d(i, o, 3, s, 1, bias=bias), nn.BatchNorm2d(o)]
            layers += [nn.Conv2d(o, o, 3, 1, 1, bias=bias), nn.BatchNorm2d(o)]
            if i != o or s != 1:
                layers += [nn.Conv2d(i, o, 1, s, bias=bias), nn.BatchNorm2d(o)]
            self.blocks.append(nn.ModuleList(layers))
        self.head = head

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.blocks:
            assert isinstance(block, nn.ModuleList)
            a, b, c, d, *short = block
            out = d(c(b(a(x)).relu()))
            x = (out + (short[1](short[0](x)) if short else x)).relu()
        if self.head.in_features in (512, 1024):
            x = x.mean((2, 3))
        out = self.head(x.flatten(1))
        assert isinstance(out, Tensor)
        return out


def report(classes: int, deep: bool = False, pooled: bool = True) -> nn.Module:
    blocks = [(64, 128, 2), (128, 256, 2), (256, 512, 2), (512, 1024, 2)]
    if deep:
        for place, width in ((1, 128), (3, 256), (5, 512)):
            blocks.insert(place, (width, width, 1))
    stem = [nn.Conv2d(3, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(2)]
    return Stages(stem, blocks, True, nn.Linear(1024 if pooled else 1024 * 16, classes))


def resnet18(classes: int, small_stem: bool) -> nn.Module:
    blocks = [(64, 64, 1), (64, 64, 1), (64, 128, 2), (128, 128, 1)]
    blocks += [(128, 256, 2), (256, 256, 1), (256, 512, 2), (512, 512, 1)]
    first = (
        nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        if small_stem
        else nn.Conv2d(3, 64, 7, 2, 3, bias=False)
    )
    stem = [first, nn.BatchNorm2d(64), nn.ReLU()]
    if not small_stem:
        stem.append(nn.MaxPool2d(3, 2, 1))
    return Stages(stem, blocks, False, nn.Linear(512, classes))


class Airbench(nn.Module):
    """make_net of airbench94."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.whiten = nn.Conv2d(3, 24, 2)
        self.groups = nn.ModuleList()
        for i, o in ((24, 64), (64, 256), (256, 256)):
            self.groups.append(
                nn.ModuleList(
                    [
                        nn.Conv2d(i, o, 3, padding="same", bias=False),
                        nn.BatchNorm2d(o, eps=1e-12, momentum=1 - 0.6),
                        nn.Conv2d(o, o, 3, padding="same", bias=False),
                        nn.BatchNorm2d(o, eps=1e-12, momentum=1 - 0.6),
                    ]
                )
            )
        self.linear = nn.Linear(256, classes, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.gelu(self.whiten(x))
        for group in self.groups:
            assert isinstance(group, nn.ModuleList)
            a, b, c, d = group
            x = functional.gelu(b(functional.max_pool2d(a(x), 2)))
            x = functional.gelu(d(c(x)))
        out = self.linear(functional.max_pool2d(x, 3).view(len(x), -1)) / 9
        assert isinstance(out, Tensor)
        return out


@pytest.mark.parametrize(
    ("name", "classes", "size", "parameters", "second"),
    [
        ("homework-cnn", 11, 128, 12833803, homework),
        ("report-resnet", 11, 128, 19527435, report),
        ("report-resnet", 11, 96, 19527435, report),
        ("report-resnet-dropout", 11, 64, 19527435, report),
        ("report-resnet-unpooled", 11, 128, 19696395, lambda n: report(n, pooled=False)),
        ("report-resnet-deep", 11, 64, 25725963, lambda n: report(n, deep=True)),
        ("resnet18", 10, 64, 11181642, lambda n: resnet18(n, False)),
        ("resnet18-cifar", 10, 32, 11173962, lambda n: resnet18(n, True)),
        ("airbench", 10, 32, 1972792, Airbench),
    ],
)
def test_a_model_is_its_authors(
    name: str, classes: int, size: int, parameters: int, second: Callable[[int], nn.Module]
) -> None:
    ours = build_model(ModelSpec(name=name, num_classes=classes, size=size)).eval()
    theirs = second(classes).eval()
    assert sum(p.numel() for p in ours.parameters()) == parameters
    # The same tensors in the same order, under other names.
    weights = list(ours.state_dict().values())
    assert [w.shape for w in weights] == [w.shape for w in theirs.state_dict().values()]
    generator = torch.Generator().manual_seed(1)
    for module in ours.modules():  # or a norm in a wrong place would be no difference
        if isinstance(module, nn.BatchNorm2d) and module.running_mean is not None:
            module.running_mean.normal_(generator=generator)
    theirs.load_state_dict(dict(zip(theirs.state_dict(), weights, strict=True)))
    images = torch.randn(2, 3, size, size, generator=generator)
    with torch.inference_mode():
        out = ours(images)
        torch.testing.assert_close(out, theirs(images), rtol=1e-4, atol=1e-4)
    assert out.shape == (2, classes)


@pytest.mark.parametrize(
    ("name", "parameters"), [("small-resnet", 687626), ("resnet18-strided", 11156778)]
)
def test_our_own_choices_keep_their_size(name: str, parameters: int) -> None:
    model = build_model(ModelSpec(name=name, num_classes=10, size=64))
    assert sum(p.numel() for p in model.parameters()) == parameters


def test_the_documents_table_of_models_is_right() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs/training/models.md").read_text()
    rows = re.findall(r"^\| `([\w-]+)` \| ([\d,]+) \| (\d+) classes \|", text, re.MULTILINE)
    assert [name for name, _, _ in rows] == list(MODELS)
    for name, parameters, classes in rows:
        model = build_model(ModelSpec(name=name, num_classes=int(classes), size=128))
        assert f"{sum(p.numel() for p in model.parameters()):,}" == parameters, name


def test_resnet18_takes_torchvisions_weights() -> None:
    import torchvision

    theirs = torchvision.models.resnet18(num_classes=10)
    ours = build_model(ModelSpec(name="resnet18", num_classes=10, size=64, dropout=0.3))
    ours.load_state_dict(theirs.state_dict())


def test_the_dropout_variant_drops_half_unless_told() -> None:
    for given, expected in ((0.0, 0.5), (0.2, 0.2)):
        spec = ModelSpec(name="report-resnet-dropout", num_classes=3, size=32, dropout=given)
        found = [m.p for m in build_model(spec).modules() if isinstance(m, nn.Dropout)]
        assert found == [expected]


def test_whitening_is_airbenchs() -> None:
    generator = torch.Generator().manual_seed(2)
    images = functional.avg_pool2d(torch.randn(20, 3, 20, 20, generator=generator), 3, 1)
    model = build_model(ModelSpec(name="airbench", num_classes=10, size=32, whitening=True))
    whiten(model, images)
    # init_whitening_conv of airbench94
    patches = images.unfold(2, 2, 1).unfold(3, 2, 1).transpose(1, 3).reshape(-1, 3, 2, 2)
    flat = patches.reshape(len(patches), -1)
    values, vectors = torch.linalg.eigh((flat.T @ flat) / len(flat), UPLO="U")
    filters = vectors.T.reshape(12, 3, 2, 2).flip(0) / torch.sqrt(
        values.flip(0).view(-1, 1, 1, 1) + 5e-4
    )
    ours = next(m for m in model.modules() if isinstance(m, nn.Conv2d)).weight[:12]
    signs = (ours * filters).sum((1, 2, 3), keepdim=True).sign()  # which eigh leaves open
    torch.testing.assert_close(ours, signs * filters, rtol=1e-3, atol=1e-3)


def test_airbench_begins_by_passing_its_input_on() -> None:
    model = build_model(ModelSpec(name="airbench", num_classes=10, size=32))
    convolutions = [m for m in model.modules() if isinstance(m, nn.Conv2d)]
    for layer in convolutions:
        images = torch.randn(1, layer.in_channels, 6, 6)
        kept = min(layer.in_channels, layer.out_channels)
        side = 6 - (layer.kernel_size[0] == 2)
        torch.testing.assert_close(
            layer(images)[:, :kept], images[:, :kept, -side:, -side:], rtol=1e-4, atol=1e-4
        )
    scales = [m.weight.requires_grad for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    assert scales == [False] * 6
