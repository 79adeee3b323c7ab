"""torch.compile, tried out before the run starts, so that a failure costs a line and not a run."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext

import torch
from torch import Tensor, nn

from headrace.augment import Augmenter
from headrace.train.device.amp import Precision
from headrace.train.device.memory import ran_out


def compile_model(
    model: nn.Module, switch: str, example: Tensor, precision: Precision
) -> tuple[Callable[[Tensor], Tensor], str]:
    """Compiles `model` where asked for and possible; one forward and backward pass proves it.

    Args:
        model: in training mode, on its device; weights, statistics and gradients stay as they are.
        switch: auto (CUDA only), on, or off.
        example: (B, 3, S, S), the shape and format of the batches to come.
        precision: of the forward pass.

    Returns:
        What to call for the forward pass, and a line for the user that says what it is and why.
    """
    if switch == "off":
        return model, "off"
    if switch == "auto" and example.device.type != "cuda":
        return model, "off (on a CPU compiling seldom earns back its own time; --compile on tries)"
    before = {name: value.clone() for name, value in model.state_dict().items()}
    started = time.perf_counter()
    try:
        compiled = torch.compile(model)
        with precision.autocast():
            out = compiled(example)
        out.float().square().mean().backward()
        forward = OneShape(model, compiled, example.shape)
        return forward, f"on (compiled in {time.perf_counter() - started:.0f} s)"
    except Exception as error:  # compilers fail in as many ways as there are compilers
        if ran_out(error):
            raise  # the first step would need as much
        return model, f"off, as compiling failed: {first_line(error)}"
    finally:
        model.zero_grad(set_to_none=True)
        model.load_state_dict(before)  # the trial moved the running statistics


class OneShape:
    """Compiled for batches of one shape; others, as an epoch's last, go through the model itself.

    Args:
        model: as it is.
        compiled: the same, compiled.
        shape: (B, 3, S, S) of the batches that the compiled one is for.
    """

    def __init__(
        self, model: nn.Module, compiled: Callable[[Tensor], Tensor], shape: torch.Size
    ) -> None:
        self._model, self._compiled, self._shape = model, compiled, shape
        self.no_sync = getattr(model, "no_sync", nullcontext)  # of several processes

    def __call__(self, images: Tensor) -> Tensor:
        return (self._compiled if images.shape == self._shape else self._model)(images)


def compile_augmenter(
    augmenter: Augmenter, switch: str, shape: tuple[int, int, int]
) -> tuple[Augmenter, str]:
    """Compiles an augmenter where asked for and possible; one batch proves it.

    Args:
        augmenter: at the beginning of its random stream, where the result begins too.
        switch: auto, on, or off; on a CPU its kernels are always taken, which are faster.
        shape: B, H and W of the batches to come.

    Returns:
        What to call, and a line for the user that says what it is and why.
    """
    device = augmenter.config.device
    if switch == "off":
        return augmenter, "off"
    if device.type == "cpu" and augmenter.config.kernels:
        return augmenter, "off (on a CPU it has kernels of its own)"
    if not augmenter.compilable:
        return augmenter, "off (the recipe has a step that draws on the host)"
    batch, height, width = shape
    images = torch.zeros(
        (batch, len(augmenter.preprocess.mean), height, width), dtype=torch.uint8, device=device
    ).contiguous(memory_format=torch.channels_last)
    labels = torch.zeros(batch, dtype=torch.int64, device=device)
    started = time.perf_counter()
    try:
        compiled = augmenter.compiled()
        compiled(images, labels)
        compiled.load_state_dict(augmenter.state_dict())
        return compiled, f"on (compiled in {time.perf_counter() - started:.0f} s)"
    except Exception as error:
        return augmenter, f"off, as compiling failed: {first_line(error)}"


def first_line(error: Exception) -> str:
    """The first line of an error that says something."""
    lines = [line.strip() for line in str(error).splitlines()]
    text = next((line for line in lines if line), "")
    return f"{type(error).__name__}: {text}"[:200]
