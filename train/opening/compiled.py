"""Fifth stage: model and augmenter as the loop calls them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from headrace.augment import Augmenter
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.planned import PlannedLoader
from headrace.train.device.amp import Precision
from headrace.train.device.compiling import compile_augmenter, compile_model
from headrace.train.processes.world import World
from headrace.train.settings.config import RunConfig
from headrace.train.step import part_rows


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """What was compiled where that works, and for each a line that says what became of it."""

    forward: Callable[[Tensor], Tensor]
    forward_line: str
    augmenter: Augmenter
    augmenter_line: str


def compile_both(
    model: nn.Module,
    augmenter: Augmenter,
    config: RunConfig,
    world: World,
    precision: Precision,
    loader: PlannedLoader,
) -> Compiled:
    """Model and augmenter for the batches of a loader.

    Raises:
        ConfigError: as `make_forward`.
    """
    forward, forward_line = make_forward(model, config, world, precision, loader)
    *smaller, last = config.data.crop.shapes
    shape = (batch_rows(loader), *last)
    augmenter, line = compile_augmenter(augmenter, config.runtime.compile, shape, smaller)
    return Compiled(
        forward=forward, forward_line=forward_line, augmenter=augmenter, augmenter_line=line
    )


def make_forward(
    model: nn.Module,
    config: RunConfig,
    world: World,
    precision: Precision,
    loader: PlannedLoader,
) -> tuple[Callable[[Tensor], Tensor], str]:
    """The model as the loop calls it: wrapped for several processes, compiled where that works."""
    model.train()
    wrapped = model
    device = precision.device
    if world.size > 1:
        if config.optim.freeze.unfreeze_every:
            raise ConfigError(
                f"--unfreeze-every with {world.size} processes: they exchange the gradients of the "
                "weights that are trained at the start; take one process, or --train-last alone"
            )
        ids = [device.index] if device.type == "cuda" else None
        wrapped = nn.parallel.DistributedDataParallel(model, device_ids=ids)
    sizes = set(part_rows(batch_rows(loader), config.optim.accumulate))  # two, where uneven
    examples = [
        torch.zeros(rows, 3, *shape, dtype=precision.dtype, device=device).contiguous(
            memory_format=torch.channels_last
        )
        for shape in config.data.crop.shapes
        for rows in sorted(sizes, reverse=True)
    ]
    return compile_model(wrapped, config.runtime.compile, examples, precision)


def batch_rows(loader: PlannedLoader) -> int:
    """Samples in the first batch of an epoch, and so in all but the last."""
    places = loader.plan(0).batch_slice(0)
    return max(2, places.stop - places.start)
