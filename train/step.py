"""One optimizer step."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from headrace.train.state import Run


def optimise(run: Run, images: Tensor, targets: Tensor) -> None:
    """Moves the weights once; nothing in it waits for the device, save for fp16's inf check.

    Args:
        run: whose model, at the step `run.progress.global_step`.
        images: (B, 3, S, S) floating, channels_last, normalised, on the device.
        targets: (B,) int64 classes, or (B, C) float32 soft targets, on the device.
    """
    step, config = run.progress.global_step, run.config
    set_learning_rate(run.optimizer, run.schedule(step))
    # Dropout's noise is a function of seed, process and step: loaders may draw from the global
    # generator as they like, and a resumed run needs no state of it.
    torch.manual_seed(step_seed(config.runtime.seed, run.world.rank, step))
    with run.precision.autocast():
        logits = run.forward(images)
    loss = run.objective(logits, targets)
    run.scaler.scale(loss).backward()
    if config.optim.clip_grad:
        run.scaler.unscale_(run.optimizer)
        clip_grad_norm_(run.model.parameters(), config.optim.clip_grad)
    run.scaler.step(run.optimizer)  # fp16 only: reads whether a gradient overflowed, a sync point
    run.scaler.update()
    run.optimizer.zero_grad(set_to_none=True)
    run.meter.add(loss, logits, targets)


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Gives every group the schedule's rate times its own `lr_scale`, 1 where it has none."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("lr_scale", 1.0)


def step_seed(seed: int, rank: int, global_step: int) -> int:
    """A seed for one step of one process: multiplicative hashing keeps neighbours apart."""
    mixed = (seed * 0x9E3779B97F4A7C15 + rank * 0xBF58476D1CE4E5B9) ^ (
        (global_step + 1) * 0x94D049BB133111EB
    )
    return mixed % 2**63
