"""--sync-bn: batch normalisation over the batch of all processes.

Source: torch.nn.SyncBatchNorm; Peng et al., "MegDet: a large mini-batch object detector", CVPR
2018, section 3.3.
"""

from __future__ import annotations

import torch
from torch import nn

from headrace.pipeline.errors import ConfigError
from headrace.train.processes.world import World


def sync_norms(model: nn.Module, world: World, device: torch.device) -> nn.Module:
    """The model with norms that exchange their statistics, which have the same names and weights.

    Args:
        model: on the device.
        world: of one process nothing is changed, for its batch is the whole one.
        device: of the run.

    Raises:
        ConfigError: on a device where torch has no such norm.
    """
    if world.size == 1:
        return model
    if device.type != "cuda":
        raise ConfigError(
            f"--sync-bn needs CUDA, and these {world.size} processes train on {device.type}, where "
            "torch has no SyncBatchNorm; leave it out: each process then normalises by its own "
            "share of a batch"
        )
    synced: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    return synced
