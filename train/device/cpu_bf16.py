"""Convolutions that a processor cannot learn in bf16: parts of their gradient are never written.

In the gradient of a strided convolution's weights oneDNN leaves what stood in memory, often no
number at all, where the input is narrower than the stride: in a ResNet's last stage at 16 px, say.
Seen with PyTorch 2.14 on a processor with avx512_bf16; in float32 it is right.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from headrace.pipeline.errors import ConfigError
from headrace.train.device.amp import Precision


def defined_gradients(
    precision: Precision, model: nn.Module, shapes: Iterable[tuple[int, int]], name: str
) -> Precision:
    """The same precision, or float32 where the model's gradients would be undefined.

    Args:
        precision: as chosen.
        model: on its device; it is run once for each shape, in evaluation mode.
        shapes: height and width of the images that it learns from.
        name: of --amp, as it was given.

    Raises:
        ConfigError: if bf16 was asked for by name.
    """
    if precision.device.type != "cpu" or precision.dtype != torch.bfloat16:
        return precision
    for height, width in dict.fromkeys(shapes):
        found = _narrow_convolution(model, torch.zeros(1, 3, height, width))
        if found and name == "auto":
            reason = f"in bf16 a processor cannot learn {found}, narrower than its stride"
            return dataclasses.replace(precision, dtype=torch.float32, reason=reason)
        if found:
            raise ConfigError(
                f"--amp {name}: at {height}x{width} px the input of the model's {found} is "
                "narrower than its stride, and a processor leaves its gradient undefined in bf16; "
                "take --amp off or larger images"
            )
    return precision


def _narrow_convolution(model: nn.Module, images: Tensor) -> str:
    """The name of the first strided convolution whose input is narrower than its stride."""
    names = {one: name for name, one in model.named_modules() if isinstance(one, nn.Conv2d)}
    found: list[str] = []

    def see(module: nn.Module, given: tuple[Tensor, ...]) -> None:
        assert isinstance(module, nn.Conv2d)
        if given[0].shape[-1] < module.stride[1]:
            found.append(names[module])

    hooks = [module.register_forward_pre_hook(see) for module in names]
    try:
        with torch.inference_mode():
            model.eval()(images.contiguous(memory_format=torch.channels_last))
    finally:
        for hook in hooks:
            hook.remove()
    return next(iter(found), "")
