"""Sizes of batches and images that a model cannot take, refused before anything is learnt."""

from __future__ import annotations

import torch
from torch import nn

from headrace.pipeline.crops.settings import CropConfig
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.wording import one_line


def check_batch_norm(model: nn.Module, rank_batch_size: int, accumulate: int) -> None:
    """Refuses batches of one, over which batch normalisation has no variance, and smaller parts."""
    if rank_batch_size < 2 * accumulate > 2:
        raise ConfigError(
            f"--accumulate {accumulate} leaves less than 2 samples of a batch for a part, of the "
            f"{rank_batch_size} that a process has; take fewer parts or a larger --batch-size"
        )
    norms = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
    if rank_batch_size == 1 and any(isinstance(m, norms) for m in model.modules()):
        raise ConfigError(
            "--batch-size leaves 1 sample per process, but this model's batch normalisation needs "
            "2; take a larger batch"
        )


def check_sizes(model: nn.Module, crop: CropConfig, device: torch.device) -> None:
    """Refuses sizes of training and evaluation that the model cannot take, before it learns.

    It was built for the one that training ends with; that of a run of one size is not tried.

    Raises:
        ConfigError: naming both sizes.
    """
    built_for = crop.shape(train=True)
    others = dict.fromkeys(crop.shapes, "--size-schedule")
    others.setdefault(crop.shape(train=False), "--eval-size")
    del others[built_for]
    for shape, flag in others.items():
        try:
            with torch.inference_mode():
                model.eval()(torch.zeros(1, 3, *shape, device=device))
        except Exception as error:  # whatever a model of any library says
            reason = one_line(error, 200)
            raise ConfigError(
                f"{flag}: a model for {size_text(crop)} px cannot take {shape[0]}x{shape[1]} px "
                f"({reason}); leave it out, or take another model"
            ) from None


def size_text(crop: CropConfig) -> str:
    """The training size for people: 128, or 96x128 (height first)."""
    height, width = crop.shape(train=True)
    return str(height) if height == width else f"{height}x{width}"
