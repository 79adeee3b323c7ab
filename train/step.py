"""One optimizer step."""

from __future__ import annotations

from contextlib import nullcontext

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_

from headrace.train.losses.cross_entropy import classification_loss
from headrace.train.losses.penalty import penalty_of
from headrace.train.state import Run


def optimise(run: Run, images: Tensor, targets: Tensor) -> None:
    """Moves the weights once; nothing in it waits for the device, if the optimizer is a fused one.

    Args:
        run: whose model, at the step `run.progress.global_step`.
        images: (B, 3, S, S) floating, channels_last, normalised, on the device.
        targets: (B,) int64 classes, or (B, C) float32 soft targets, on the device.
    """
    optim = run.config.optim
    set_learning_rate(run.optimizer, run.schedule(run.progress.global_step))
    answers = run.teachers(images, len(part_rows(len(images), optim.accumulate)))
    logits = run.objective(lambda: add_gradient(run, images, targets, answers))
    if optim.clip_grad:
        run.scaler.unscale_(run.optimizer)
        clip_grad_norm_(run.model.parameters(), optim.clip_grad)
    run.scaler.step(run.optimizer)  # with fp16 one that is not fused waits: has it overflowed?
    run.scaler.update()
    run.optimizer.zero_grad(set_to_none=True)
    # Neither smoothed nor weighted nor penalised, whatever is made smaller: as in validation.
    run.meter.add(classification_loss(logits, targets), logits, targets)


def add_gradient(
    run: Run, images: Tensor, targets: Tensor, answers: Tensor | None = None
) -> Tensor:
    """Adds the gradient of the batch's mean loss to the weights' own, part by part of the batch.

    Args:
        run, images, targets: as of `optimise`.
        answers: (B, C) float32, what teachers say about the images; None without any.

    Returns:
        (B, C) logits, without a graph.
    """
    # Dropout's noise is a function of seed, process and step: loaders may draw from the global
    # generator as they like, and a resumed run needs no state of it.
    seed = run.config.runtime.seed
    torch.manual_seed(step_seed(seed, run.world.rank, run.progress.global_step))
    rows = part_rows(len(images), run.config.optim.accumulate)
    parts = len(rows)
    taught = [None] * parts if answers is None else torch.split(answers, rows)
    pieces = list(zip(torch.split(images, rows), torch.split(targets, rows), taught, strict=True))
    said = []
    for number, (some, wanted, answer) in enumerate(pieces, 1):
        # Processes exchange gradients once, with the last part.
        apart = getattr(run.forward, "no_sync", nullcontext) if number < parts else nullcontext
        with apart():
            with run.precision.autocast():
                logits = run.forward(some)
            loss = run.loss(logits, wanted, answer) * (len(some) / len(images))
            if number == parts:
                loss = loss + penalty_of(run.model, run.config.optim.penalty)
            run.scaler.scale(loss).backward()
        said.append(logits.detach())
    return said[0] if parts == 1 else torch.cat(said)


def part_rows(num_samples: int, accumulate: int) -> list[int]:
    """The samples of each part that a batch is cut into, which differ by one at the most.

    None has a single sample, as batch normalisation needs two: a small batch has fewer parts.
    """
    parts = max(1, min(accumulate, num_samples // 2))
    least, larger = divmod(num_samples, parts)
    return [least + 1] * larger + [least] * (parts - larger)


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
