"""A small, fast net for images of about 32 px: 94% on CIFAR-10 within seconds on a large GPU.

Source: Keller Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU", arXiv 2404.00498, and
airbench94 in github.com/KellerJordan/cifar10-airbench, whose numbers these are.
"""

from __future__ import annotations

from torch import Tensor, nn

from headrace.pipeline.errors import ConfigError
from headrace.train.models.spec import ModelSpec
from headrace.train.models.whitening import WHITENING_KERNEL_PX, whitening_width

WIDTHS = (64, 256, 256)
BATCH_NORM_MOMENTUM = 0.4  # as torch counts: the share of the new batch
LOGIT_SCALE = 1 / 9
MIN_SIZE_PX = 9


def build(spec: ModelSpec) -> nn.Module:
    """A 2×2 layer that may whiten patches, three groups of two convolutions, a scaled linear layer.

    Raises:
        ConfigError: for images that are pooled away to nothing.
    """
    height, width = (spec.size, spec.size) if isinstance(spec.size, int) else spec.size
    if min(height, width) < MIN_SIZE_PX:
        raise ConfigError(f"--size {spec.size}: airbench takes {MIN_SIZE_PX} px and more")
    before = whitening_width(3)
    layers: list[nn.Module] = [
        _convolution(3, before, WHITENING_KERNEL_PX, padding=0, bias=True),
        nn.GELU(),
    ]
    for after in WIDTHS:
        layers.append(ConvGroup(before, after))
        before = after
    return nn.Sequential(
        *layers,
        nn.AdaptiveMaxPool2d(1),  # the 3×3 of 32 px, and what other sizes leave
        nn.Flatten(),
        nn.Dropout(spec.dropout),
        nn.Linear(before, spec.num_classes, bias=False),
        Scale(LOGIT_SCALE),
    )


class ConvGroup(nn.Module):
    """Two 3×3 convolutions, the first pooled, each normalised and followed by GELU."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv1 = _convolution(before, after, 3, padding=1, bias=False)
        self.pool = nn.MaxPool2d(2)
        self.norm1 = _batch_norm(after)
        self.conv2 = _convolution(after, after, 3, padding=1, bias=False)
        self.norm2 = _batch_norm(after)
        self.activation = nn.GELU()

    def forward(self, x: Tensor) -> Tensor:
        x = self.activation(self.norm1(self.pool(self.conv1(x))))
        out: Tensor = self.activation(self.norm2(self.conv2(x)))
        return out


class Scale(nn.Module):
    """Multiplies by a constant."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor

    def extra_repr(self) -> str:
        return f"{self.factor:.3g}"


def _convolution(before: int, after: int, side: int, *, padding: int, bias: bool) -> nn.Conv2d:
    """A convolution that begins by passing its input on in its first channels."""
    layer = nn.Conv2d(before, after, side, padding=padding, bias=bias)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    nn.init.dirac_(layer.weight.data[:before])
    return layer


def _batch_norm(width: int) -> nn.BatchNorm2d:
    """Batch normalisation with a bias that is learnt and a scale that stays 1."""
    norm = nn.BatchNorm2d(width, eps=1e-12, momentum=BATCH_NORM_MOMENTUM)
    norm.weight.requires_grad = False
    return norm
