"""The memory of a training step: added up from what is kept, and measured at a step of its own."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from headrace.train.device.amp import Precision

PROBES = (2, 4)
"""Images of the two passes that the estimate is drawn through; batch normalisation needs two."""


@dataclass(frozen=True, kw_only=True)
class Memory:
    """Bytes of one training step with AdamW.

    Attributes:
        batch_size: images of the step.
        weights: parameters and buffers.
        gradients: of the parameters that are trained.
        optimizer: two moments of each of them.
        activations: what the forward pass keeps for the backward pass, of all images, and the
            weights in the precision that it computes in.
        an_image: what one image more would add to that.
        estimated: the sum. Gradients come while activations go, so a step may take less; working
            memory of convolutions, and with activation checkpointing the segment that is being
            computed anew, are not in it, so it may take more.
        measured: most bytes in use at once in such a step; None where the device does not tell.
    """

    batch_size: int
    weights: int
    gradients: int
    optimizer: int
    activations: int
    an_image: int
    estimated: int
    measured: int | None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def estimate_and_measure(
    model: nn.Module, shape: tuple[int, int], batch_size: int, precision: Precision
) -> Memory:
    """Runs a few steps; the model is trained to nonsense.

    Args:
        model: in training mode, channels_last, on the precision's device.
        shape: height and width of the images, px.
        batch_size: images of the step to measure.
        precision: of the forward pass.
    """
    weights = sum(_bytes(t) for t in (*model.parameters(), *model.buffers()))
    trained = sum(_bytes(p) for p in model.parameters() if p.requires_grad)
    # Two of them, for what does not grow with the batch: weights in half precision are kept too.
    few, more = (_kept_bytes(model, _images(n, shape, precision), precision) for n in PROBES)
    each = (more - few) // (PROBES[1] - PROBES[0])
    activations = few + each * (batch_size - PROBES[0])
    return Memory(
        batch_size=batch_size,
        weights=weights,
        gradients=trained,
        optimizer=2 * trained,
        activations=activations,
        an_image=each,
        estimated=weights + 3 * trained + activations,
        measured=_measured_bytes(
            model, _images(batch_size, shape, precision), precision, weights + 2 * trained
        ),
    )


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _images(count: int, shape: tuple[int, int], precision: Precision) -> Tensor:
    images = torch.rand(count, 3, *shape, dtype=precision.dtype, device=precision.device)
    return images.contiguous(memory_format=torch.channels_last)


def _kept_bytes(model: nn.Module, images: Tensor, precision: Precision) -> int:
    """What the forward pass keeps besides the weights, each piece of memory once."""
    kept: dict[int, int] = {}
    own = {p.untyped_storage().data_ptr() for p in (*model.parameters(), *model.buffers())}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        with precision.autocast():
            out = model(images)
    # Counted while `out` holds the graph, or one address could stand for two pieces.
    total = sum(kept.values())
    del out
    return total


def _measured_bytes(
    model: nn.Module, images: Tensor, precision: Precision, standing: int
) -> int | None:
    """Most bytes in use at once in a second step; `standing` is there before it begins."""
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad])

    def step() -> None:
        with precision.autocast():
            out = model(images)
        out.float().square().mean().backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    step()  # makes the moments, and lets libraries choose their algorithms
    if images.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(images.device)
        step()
        return torch.cuda.max_memory_allocated(images.device)
    if images.device.type == "cpu":
        return standing + _bytes(images) + _cpu_peak_bytes(step)
    return None


def _cpu_peak_bytes(step: Callable[[], None]) -> int:
    """Most bytes that torch's CPU allocator gave out at once meanwhile, over what was there."""
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # or the profiler writes on the screen
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as found:
        step()
    results = found.profiler.kineto_results
    changes = sorted(
        (event.start_ns(), event.nbytes())
        for event in results.events()
        if event.name() == "[memory]"
    )
    now = peak = 0
    for _, change in changes:
        now += change
        peak = max(peak, now)
    return peak
