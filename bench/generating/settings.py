"""What is measured, checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
from tyro.conf import arg

from headrace.bench.core.flag_values import OutFile, check_out, check_seeds
from headrace.pipeline.checking import check
from headrace.pipeline.flags import check_least
from headrace.train.generating.settings import KindName as Kind
from headrace.train.generating.settings import NetworkName


@dataclass(frozen=True, kw_only=True)
class GenerativeSettings:
    """Do made-up images help, where real ones are few?"""

    data: Annotated[Path, arg(metavar="FILE")]
    """Packed records."""
    out: Annotated[Path, arg(metavar="DIR")]
    """Folder of the runs; what is finished there is not done again."""
    json: Annotated[OutFile | None, arg(metavar="FILE")] = None
    """Write the rows here."""
    train_split: str = "train"
    """Split to draw real images from."""
    test_split: str = "test"
    """Split to measure on."""
    per_class: Annotated[tuple[int, ...], arg(metavar="N ...")] = (10, 50, 250)
    """Real images of each class that generator and classifier learn from; 0: all."""
    seeds: Annotated[tuple[int, ...], arg(metavar="N ...")] = (0, 1, 2)
    """Of the choice of images, the networks and the noise."""
    kinds: Annotated[tuple[Kind, ...], arg(metavar="KIND ...")] = ("flow",)
    """Generators: flow, gan."""
    size: int = 32
    """Side of the images, px."""
    network: NetworkName = "unet"
    """Network of a flow: unet, or diffusers."""
    width: int = 48
    """Channels of the generator's widest maps."""
    generator_images: int = 60_000
    """Images that a generator sees in its training, each as often as it takes."""
    generator_batch: int = 32
    """Images of a generator's step: few, for there are few steps."""
    drawn: int = 200
    """Made-up images of each class."""
    guidance: float = 2.0
    """With which they are drawn."""
    share: float = 0.5
    """Of an epoch that they make up."""
    model: str = "small-resnet"
    """Of the classifiers."""
    recipe: str = "trivial"
    """Augmentation of the classifiers, of real and made-up images alike."""
    classifier_steps: int = 1000
    """Optimiser steps of a classifier, without and with made-up images."""
    classifier_batch: int = 50
    """Images of a step."""
    classifier_lr: float = 0.003
    """Learning rate of the classifiers."""
    judge_epochs: int = 5
    """Epochs of the judge, which learns from all of --train-split and judges made-up images."""
    judge: Annotated[Path | None, arg(metavar="RUN")] = None
    """Run folder of a classifier that is to judge, in the place of one trained here."""

    def __post_init__(self) -> None:
        check_out(self.out)
        for count in self.per_class:
            check(count >= 0, "per_class", count, "0 or more")
        check_seeds("seeds", self.seeds)
        check(0 < self.share < 1, "share", self.share, "above 0 and below 1")
        check_least(self, 1, "generator_images", "drawn", "classifier_steps", "judge_epochs")
        check_least(self, 2, "classifier_batch", "generator_batch")

    @property
    def clock(self) -> str:
        """In which row's seconds equal time is measured."""
        return "seconds" if torch.cuda.is_available() else "cpu_s"
