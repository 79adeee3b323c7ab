"""A first layer that whitens small patches, computed from training images and then left alone.

Source: init_whitening_conv of airbench94, github.com/KellerJordan/cifar10-airbench, after Page,
"How to train your ResNet 8: bag of tricks", 2019.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from headrace.pipeline.errors import ConfigError
from headrace.train.models.spatial_transformer import behind

WHITENING_KERNEL_PX = 2
EPS = 5e-4
NUM_IMAGES = 5000


def whitening_width(channels: int) -> int:
    """Output channels: one for each direction of a patch, and one for its negative."""
    return 2 * channels * WHITENING_KERNEL_PX**2


def first_layer(model: nn.Module) -> nn.Conv2d:
    """The layer that can whiten.

    Raises:
        ConfigError: if the model's first convolution is of another kind.
    """
    for layer in behind(model).modules():
        if isinstance(layer, nn.Conv2d):
            side = WHITENING_KERNEL_PX
            width = whitening_width(layer.in_channels)
            if layer.kernel_size == (side, side) and layer.out_channels == width:
                return layer
            break
    raise ConfigError(
        "--whitening needs a model whose first layer is a 2x2 convolution of 24 channels, as "
        "airbench has; leave it out, or take --model airbench"
    )


def freeze(model: nn.Module) -> None:
    """Keeps the whitening weights out of training; the layer's bias is learnt.

    Raises:
        ConfigError: if the model has no such layer.
    """
    first_layer(model).weight.requires_grad = False


@torch.no_grad()
def whiten(model: nn.Module, images: Tensor) -> None:
    """Sets the first layer's weights so that its outputs are uncorrelated and of unit variance.

    Args:
        model: with a layer that can whiten.
        images: (N, C, H, W) float32, normalised as the model gets them, on any device.
    """
    layer = first_layer(model)
    side = WHITENING_KERNEL_PX
    patches = images.float().unfold(2, side, 1).unfold(3, side, 1)
    rows = patches.permute(0, 2, 3, 1, 4, 5).reshape(-1, layer.in_channels * side * side)
    covariance = (rows.T @ rows) / len(rows)
    variances, directions = torch.linalg.eigh(covariance)
    filters = (directions / torch.sqrt(variances + EPS)).T.flip(0)  # the largest variance first
    filters = filters.reshape(-1, layer.in_channels, side, side)
    layer.weight.copy_(torch.cat([filters, -filters]))
