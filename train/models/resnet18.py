"""ResNet-18 as published: a 7×7 stem with pooling, for photographs of 128 px and more.

Source: He et al., "Deep residual learning for image recognition", CVPR 2016; torchvision's
implementation, so that files of its weights fit.
"""

from __future__ import annotations

from torch import nn

from headrace.train.models.spec import ModelSpec


def build(spec: ModelSpec) -> nn.Module:
    """torchvision's net; dropout, where there is any, stands behind the pooling."""
    from torchvision.models import resnet18

    model: nn.Module = resnet18(weights=None, num_classes=spec.num_classes)
    # Beside the pooling, where it moves no name of a weight.
    model.avgpool = nn.Sequential(model.avgpool, nn.Dropout(spec.dropout))
    return model
