"""Models by name: four of our own, and any of timm's and torchvision's."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from headrace.pipeline.errors import ConfigError, HeadraceError, MissingPackageError


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """What it takes to build the same model again.

    Attributes:
        name: a key of MODELS, `timm:NAME` or `torchvision:NAME`.
        num_classes: outputs.
        size: side of the square input, in pixels; only transformers depend on it.
        dropout: probability in front of the last linear layers.
    """

    name: str
    num_classes: int
    size: int
    dropout: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def build_model(spec: ModelSpec, pretrained: bool = False) -> nn.Module:
    """Builds a model that maps (B, 3, size, size) floats to (B, num_classes) logits.

    Weights are drawn from torch's global generator.

    Raises:
        ConfigError: for a name that nobody knows, or an option that it does not have.
        HeadraceError: if published weights cannot be fetched.
    """
    library, _, name = spec.name.partition(":")
    if name and library == "timm":
        return _timm_model(name, spec, pretrained)
    if name and library == "torchvision":
        return _torchvision_model(name, spec, pretrained)
    if spec.name not in MODELS:
        raise ConfigError(
            f"--model is {spec.name!r}, expected {', '.join(MODELS)}, timm:NAME or torchvision:NAME"
        )
    if pretrained:
        raise ConfigError(
            f"--pretrained: there are no published weights of {spec.name}; "
            "choose a timm: or torchvision: model, or leave it out"
        )
    return MODELS[spec.name](spec)


def homework_cnn(spec: ModelSpec) -> nn.Module:
    """The Food-11 homework's network: five convolution blocks and three linear layers.

    At 128 pixels it is the homework's own; the adaptive pooling in front of the linear layers
    changes nothing there and makes every other size fit.
    """
    widths = (3, 64, 128, 256, 512, 512)
    blocks: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        blocks += [
            nn.Conv2d(before, after, 3, padding=1),
            nn.BatchNorm2d(after),
            nn.ReLU(inplace=True),
            # Rounding up lets images below 32 pixels shrink to one pixel instead of to none.
            nn.MaxPool2d(2, ceil_mode=True),
        ]
    return nn.Sequential(
        *blocks,
        nn.AdaptiveAvgPool2d(4),
        nn.Flatten(),
        nn.Dropout(spec.dropout),
        nn.Linear(512 * 4 * 4, 1024),
        nn.ReLU(inplace=True),
        nn.Dropout(spec.dropout),
        nn.Linear(1024, 512),
        nn.ReLU(inplace=True),
        nn.Linear(512, spec.num_classes),
    )


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions beside a shortcut (He et al., "Deep residual learning", CVPR 2016)."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(after)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or before != after:
            self.shortcut = nn.Sequential(
                nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after)
            )

    def forward(self, x: Tensor) -> Tensor:
        out = torch.relu(self.norm1(self.conv1(x)))
        return torch.relu(self.norm2(self.conv2(out)) + self.shortcut(x))


def report_resnet(spec: ModelSpec) -> nn.Module:
    """The Food-11 report's kind of network: residual blocks and global average pooling.

    A strided stem, then four stages of two blocks; the image is halved five times as in
    homework_cnn, at a fraction of its work, and the pooling leaves a single linear layer.
    """
    widths = (64, 128, 256, 512)
    layers: list[nn.Module] = [
        nn.Conv2d(3, 32, 3, 2, 1, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(inplace=True),
    ]
    before = 32
    for width in widths:
        layers += [ResidualBlock(before, width, 2), ResidualBlock(width, width, 1)]
        before = width
    return nn.Sequential(*layers, *_pooled_head(before, spec))


def small_resnet(spec: ModelSpec) -> nn.Module:
    """A residual net for a processor without a GPU: 0.7 M parameters."""
    return nn.Sequential(
        nn.Conv2d(3, 32, 5, 2, 2, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2, ceil_mode=True),
        ResidualBlock(32, 48, 1),
        ResidualBlock(48, 96, 2),
        ResidualBlock(96, 192, 2),
        *_pooled_head(192, spec),
    )


def resnet18_cifar(spec: ModelSpec) -> nn.Module:
    """ResNet-18 whose stem is one 3×3 convolution without pooling, for images of about 32 px."""
    layers: list[nn.Module] = [
        nn.Conv2d(3, 64, 3, 1, 1, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(inplace=True),
    ]
    before = 64
    for stage, width in enumerate((64, 128, 256, 512)):
        layers += [
            ResidualBlock(before, width, 1 if stage == 0 else 2),
            ResidualBlock(width, width, 1),
        ]
        before = width
    return nn.Sequential(*layers, *_pooled_head(before, spec))


def _pooled_head(width: int, spec: ModelSpec) -> list[nn.Module]:
    return [
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(spec.dropout),
        nn.Linear(width, spec.num_classes),
    ]


MODELS: dict[str, Callable[[ModelSpec], nn.Module]] = {
    "homework-cnn": homework_cnn,
    "report-resnet": report_resnet,
    "resnet18-cifar": resnet18_cifar,
    "small-resnet": small_resnet,
}


def _timm_model(name: str, spec: ModelSpec, pretrained: bool) -> nn.Module:
    try:
        import timm
    except ImportError as error:
        raise MissingPackageError(
            f'timm:{name} needs timm: pip install "headrace[timm]" ({error})'
        ) from None

    if not timm.is_model(name.partition(".")[0]):
        close = timm.list_models(f"*{name}*")[:5]
        hint = f"; did you mean {', '.join(close)}?" if close else ""
        raise ConfigError(f"timm has no model {name!r}{hint}")
    options: dict[str, Any] = {"num_classes": spec.num_classes, "drop_rate": spec.dropout}
    published = timm.get_pretrained_cfg(name)
    if published is not None and published.fixed_input_size:
        options["img_size"] = spec.size  # transformers keep one position per patch
    try:
        return timm.create_model(name, pretrained=pretrained, **options)
    except Exception as error:  # timm and the hub raise a dozen kinds
        raise _cannot_build(f"timm:{name}", pretrained, error) from None


def _torchvision_model(name: str, spec: ModelSpec, pretrained: bool) -> nn.Module:
    from torchvision import models

    if name not in models.list_models(module=models):
        known = [m for m in models.list_models(module=models) if name.split("_")[0] in m][:5]
        hint = f"; did you mean {', '.join(known)}?" if known else ""
        raise ConfigError(f"torchvision has no classification model {name!r}{hint}")
    options: dict[str, Any] = {}
    if name in ("googlenet", "inception_v3"):
        options["init_weights"] = False  # its own initialisation takes minutes
        if not pretrained:
            options["aux_logits"] = False  # auxiliary outputs would need a loss of their own
    if name.startswith("vit_"):
        options["image_size"] = spec.size
    if spec.dropout:
        options["dropout"] = spec.dropout
    try:
        model = models.get_model(name, weights="DEFAULT" if pretrained else None, **options)
    except TypeError as error:
        if "dropout" in str(error):
            raise ConfigError(
                f"--dropout: torchvision:{name} has no dropout; leave it out, or take timm:{name}"
            ) from None
        raise _cannot_build(f"torchvision:{name}", pretrained, error) from None
    except Exception as error:  # download errors of many kinds
        raise _cannot_build(f"torchvision:{name}", pretrained, error) from None
    if getattr(model, "aux_logits", False):
        model.aux_logits = False
    _replace_head(model, spec.num_classes)
    return model


def _replace_head(model: nn.Module, num_classes: int) -> None:
    """Gives the last classifying layer (of 1000 outputs) `num_classes` outputs."""
    last = [
        (name, layer)
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Linear | nn.Conv2d)
        and 1000 in (getattr(layer, "out_features", 0), getattr(layer, "out_channels", 0))
    ][-1]
    name, layer = last
    parent = model.get_submodule(name.rpartition(".")[0])
    fresh: nn.Module
    if isinstance(layer, nn.Linear):
        fresh = nn.Linear(layer.in_features, num_classes, bias=layer.bias is not None)
    else:  # SqueezeNet classifies by a 1×1 convolution
        fresh = nn.Conv2d(layer.in_channels, num_classes, layer.kernel_size)
        if hasattr(model, "num_classes"):
            model.num_classes = num_classes
    setattr(parent, name.rpartition(".")[2], fresh)


def _cannot_build(name: str, pretrained: bool, error: Exception) -> HeadraceError:
    reason = " ".join(str(error).split())[:160] or type(error).__name__
    if pretrained:
        return HeadraceError(
            f"--pretrained: the weights of {name} could not be loaded ({reason}); "
            "connect to the network, or train from scratch without --pretrained"
        )
    return ConfigError(f"--model {name} could not be built: {reason}")
