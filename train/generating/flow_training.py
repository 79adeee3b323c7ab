"""A flow as a kind of generator: which network, how a step is made, how images are drawn."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from headrace.pipeline.errors import MissingPackageError
from headrace.pipeline.installed import is_installed
from headrace.train.averages.ema import MovingAverage
from headrace.train.averages.ema import Settings as AverageSettings
from headrace.train.device.amp import Precision
from headrace.train.generating.flow import carried, flow_loss
from headrace.train.generating.kind import Shape, Training
from headrace.train.generating.moving import move
from headrace.train.generating.settings import FitConfig
from headrace.train.generating.unet import UNet, UNetConfig
from headrace.train.step import set_learning_rate

_MOST_GRADIENT = 1.0
_DECAY = 0.01


class FlowGenerator:
    """Carries noise to images; see `kind.Generator`."""

    def __init__(self, shape: Shape, network: nn.Module, precision: Precision) -> None:
        self.network = network
        self.noise_shape: tuple[int, ...] = (3, shape.size, shape.size)
        self._none = shape.classes
        self._precision = precision

    def draw(self, noise: Tensor, labels: Tensor, guidance: float, steps: int) -> Tensor:
        noise = noise.contiguous(memory_format=torch.channels_last)
        with self._precision.autocast():
            return carried(self.network, noise, labels, self._none, guidance, steps)


class FlowTraining(Training):
    """A flow that is being trained; see `kind.Training`."""

    def __init__(self, shape: Shape, config: FitConfig, precision: Precision) -> None:
        self._model = build_network(shape).to(precision.device, memory_format=torch.channels_last)
        self._drop, self._none, self._precision = config.drop_labels, shape.classes, precision
        self._optimizer = torch.optim.AdamW(
            self._model.parameters(), lr=config.rate, weight_decay=_DECAY, fused=True
        )
        self._scaler = precision.scaler()
        self._average = MovingAverage(AverageSettings(ema_decay=config.ema_decay), self._model)
        self.drawn = FlowGenerator(shape, self._average.model, precision)
        self.parts = {
            "model": self._model,
            "optimizer": self._optimizer,
            "scaler": self._scaler,
            "average": self._average,
        }

    def step(self, images: Tensor, labels: Tensor, rate: float) -> dict[str, Tensor]:
        set_learning_rate(self._optimizer, rate)
        with self._precision.autocast():
            loss = flow_loss(self._model, images, labels, self._none, self._drop)
        move(loss, self._optimizer, self._scaler, _MOST_GRADIENT)
        self._average.add()
        return {"loss": loss.detach()}


class DiffusersUNet(nn.Module):
    """The UNet2DModel of Hugging Face's diffusers, called as ours is."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        if not is_installed("diffusers"):
            raise MissingPackageError("--network diffusers needs diffusers: pip install diffusers")
        from diffusers import UNet2DModel

        widths = tuple(shape.width * multiple for multiple in (1, 2, 2))
        self.inner = UNet2DModel(
            sample_size=shape.size,
            block_out_channels=widths,
            down_block_types=("DownBlock2D", "AttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "AttnUpBlock2D", "UpBlock2D"),
            norm_num_groups=8,
            num_class_embeds=shape.classes + 1,
        )

    def forward(self, images: Tensor, times: Tensor, labels: Tensor) -> Tensor:
        # Its sines and cosines are made for the thousand steps of a diffusion.
        said: Tensor = self.inner(images, times * 1000, labels).sample
        return said


def build_network(shape: Shape) -> nn.Module:
    """The network of a flow, with random weights of torch's generator."""
    if shape.network == "diffusers":
        return DiffusersUNet(shape)
    return UNet(UNetConfig(classes=shape.classes, size=shape.size, width=shape.width))
