"""What the training of a generator is told, checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

import yaml
from tyro.conf import arg

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flags import Flag, check_least
from headrace.pipeline.flat_settings import to_flat
from headrace.pipeline.limits import check_limits
from headrace.pipeline.loaders.settings import DecodeConfig
from headrace.train.generating.unet import check_network
from headrace.train.settings.config import AmpName
from headrace.train.settings.technique import check

KindName = Literal["flow", "gan"]
NetworkName = Literal["unet", "diffusers"]


@dataclass(frozen=True, kw_only=True)
class FitConfig:
    """Train a generator of labelled images on packed ones."""

    data: str = ""
    """.beton file or WebDataset shards of real images."""
    train_split: str = "train"
    """Split to learn from, or several, as in training a classifier."""
    kind: KindName = "flow"
    """flow: flow matching, a kind of diffusion; gan: a generator against a discriminator."""
    network: NetworkName = "unet"
    """Network of a flow: unet, our small one, or diffusers, the UNet2DModel of that library (larger
    and slower; needs the extra `diffusers`)."""
    size: Annotated[int, arg(metavar="PX")] = 32
    """Side of the images, px: a multiple of 8 up to 64, of 16 up to 128."""
    width: Annotated[int, arg(metavar="N")] = 48
    """Channels of the network's widest maps, a multiple of 8."""
    epochs: int = 100
    """Times that each image is seen."""
    max_minutes: Annotated[float | None, arg(metavar="M")] = None
    """End after the step in which the training has taken so many minutes, all its parts together:
    it is saved and counts as finished; --resume with more goes on."""
    batch_size: int = 128
    """Images of a step."""
    lr: float | None = None
    """Learning rate after --warmup-steps, by default 0.001 of a flow and 0.0002 of a GAN."""
    warmup_steps: int = 200
    """Steps in which the learning rate rises."""
    drop_labels: float = 0.1
    """Share of the labels that a flow does not see, so that it can be guided."""
    ema_decay: float = 0.999
    """Of the moving average of the weights, which images are drawn with."""
    flip: float = 0.5
    """Probability of a horizontal flip."""
    out: str = ""
    """Run folder; by default runs/DATA-KIND-NUMBER."""
    overwrite: Flag = False
    """Replace the run that --out holds."""
    resume: str = ""
    """Run folder to go on with, in which --epochs may grow."""
    seed: int = 0
    """Of the weights, the order and the noise."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    amp: AmpName = "auto"
    """Mixed precision, as in training a classifier."""
    log_every: int = 50
    """Steps between two rows of the log."""
    save_every: int = 1
    """Epochs between two checkpoints, with each of which TensorBoard gets drawn images."""
    report: bool = True
    """Write report.html into the run folder at the end: curves, drawn images, the training images
    nearest to them (needs the extra `report`)."""
    decode: DecodeConfig = field(default_factory=DecodeConfig)

    def __post_init__(self) -> None:
        check_limits(self)
        check_least(self, 1, "epochs", "log_every", "save_every")
        check_least(self, 2, "batch_size")
        check_least(self, 0, "warmup_steps", "seed")
        minutes = self.max_minutes
        check(minutes is None or minutes > 0, "max_minutes", minutes, "above 0")
        check(self.lr is None or self.lr > 0, "lr", self.lr, "above 0")
        check(0 <= self.drop_labels < 1, "drop_labels", self.drop_labels, "from 0 to below 1")
        check(0 <= self.ema_decay < 1, "ema_decay", self.ema_decay, "from 0 to below 1")
        check(0 <= self.flip <= 1, "flip", self.flip, "a probability from 0 to 1")
        check_network(self.size, self.width)
        if self.network != "unet" and self.kind != "flow":
            raise ConfigError(
                f"--network {self.network} is of a flow, and --kind is {self.kind}; leave one out"
            )

    @property
    def rate(self) -> float:
        """The learning rate after the warm-up."""
        return self.lr if self.lr is not None else {"flow": 1e-3, "gan": 2e-4}[self.kind]


def dump_yaml(config: FitConfig) -> str:
    """The settings as the text of a config.yaml."""
    return yaml.safe_dump(to_flat(config), sort_keys=False)
