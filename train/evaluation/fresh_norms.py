"""Running statistics of batch norms, measured anew for a model whose weights are a mean.

Source: Izmailov et al., "Averaging weights leads to wider optima and better generalization", UAI
2018; torch.optim.swa_utils.update_bn, here with the run's precision and recipe.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from itertools import islice
from typing import Any

import torch
from torch import nn

from headrace.train.state import Run


def freshen(run: Run, model: nn.Module, wants_end: Callable[[], bool]) -> bool:
    """Measures them over the training batches of the running epoch, without any gradient.

    The run's own random streams are afterwards where they were before.

    Args:
        run: whose data and recipe.
        model: on the run's device; it is left in training mode.
        wants_end: asked after each batch.

    Returns:
        Whether it came to its end.
    """
    run.model.train()
    model.train()
    for part, trained in zip(model.modules(), run.model.modules(), strict=True):
        part.training = trained.training  # the statistics of a frozen stage are as frozen
    kinds = nn.modules.batchnorm._BatchNorm
    norms = [part for part in model.modules() if isinstance(part, kinds) and part.training]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over all batches
    stream = run.augmenter.state_dict()
    torch.manual_seed(run.config.runtime.seed)
    ended = False
    batches: Any = run.train_loader.epoch(run.progress.epoch)
    with torch.no_grad(), closing(batches):
        for batch in islice(batches, run.steps_per_epoch):
            images, _ = run.augmenter(batch.images, batch.labels)
            with run.precision.autocast():
                model(images)
            if ended := wants_end():
                break
    run.augmenter.load_state_dict(stream)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    return not ended
