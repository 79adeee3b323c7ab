"""Compares drawn images with real ones, as a classifier sees them; and shows each beside the
training image that is nearest to it."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from PIL import Image
from tyro.conf import Positional, arg

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.json_file import JsonFile, check_json, write_json
from headrace.pipeline.limits import check_limits
from headrace.pipeline.output_files import written
from headrace.pipeline.records import Records
from headrace.train.device.own_defaults import torch_defaults
from headrace.train.generating.comparing import Verdict, compare, lines
from headrace.train.generating.judge import Judge, real_images
from headrace.train.processes.world import only_process

_LEAST = 8
_SHOWN = 12


@dataclass(frozen=True, kw_only=True)
class JudgeConfig:
    """Compare drawn images with real ones, as a classifier of real images sees them."""

    made: Annotated[Path, Positional, arg(metavar="MADE")]
    """Record file of `draw`."""
    data: Path
    """Record file of the real images that the generator has learnt from."""
    judge: Annotated[Path, arg(metavar="RUN")]
    """Run folder of a classifier that was trained on real images."""
    train_split: str = "train"
    """Split that the generator has learnt from."""
    test_split: str = "test"
    """Split of real images that it has not seen, which are compared with too."""
    json: JsonFile = None
    """Write the numbers there."""
    picture: Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="")] = None
    """Draw made-up images there, PNG, each above the training image nearest to it."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""

    def __post_init__(self) -> None:
        check_limits(self)


@torch_defaults()
def judge(config: JudgeConfig) -> Verdict:
    """Compares, shows and writes.

    Raises:
        HeadraceError: for files that cannot be read, are of other classes, or hold too little.
    """
    check_json(config.json)
    with ExitStack() as resources:
        made = resources.enter_context(Records.open(config.made))
        real = resources.enter_context(Records.open(config.data))
        if made.manifest.synthetic is None:
            raise ConfigError(f"{config.made} holds no made-up images; give the file of `draw`")
        if len(made) < _LEAST:
            raise ConfigError(f"{config.made} has {len(made)} images, expected {_LEAST} or more")
        size = int(made.heights[0])
        judge_ = Judge(config.judge, list(real.manifest.classes), only_process(config.device))
        ours = real_images(made, "train", size)
        training = real_images(real, config.train_split, size)
        unseen = real_images(real, config.test_split, size)
    drawn, seen, test = (judge_.look(some.images) for some in (ours, training, unseen))
    compared = compare(drawn, ours.labels, seen, test, unseen.labels)
    verdict, places = compared.verdict, compared.places
    for line in lines(verdict):
        print(line)
    write_json(config.json, verdict.plain())
    if config.picture:
        count = len(ours.labels)
        chosen = np.linspace(0, count - 1, min(_SHOWN**2, count)).astype(int)
        near = training.images.numpy()[places[chosen]]
        pairs = np.stack([ours.images.numpy()[chosen], near], 1)
        with written(config.picture) as file:
            Image.fromarray(_sheet(pairs)).save(file, "PNG")
    return verdict


def _sheet(pairs: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8: (N, 2, 3, S, S) pairs, each image above its neighbour, 12 pairs in a row."""
    count, side = len(pairs), pairs.shape[-1]
    rows = -(-count // _SHOWN)
    sheet = np.full((rows, 2 * side + 6, _SHOWN, side + 2, 3), 255, np.uint8)
    for number, (image, neighbour) in enumerate(pairs.transpose(0, 1, 3, 4, 2)):
        row, column = divmod(number, _SHOWN)
        sheet[row, :side, column, :side] = image
        sheet[row, side + 1 : 2 * side + 1, column, :side] = neighbour
    return sheet.reshape(rows * (2 * side + 6), _SHOWN * (side + 2), 3)
