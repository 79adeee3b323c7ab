"""torch.compile, tried out before the run starts, so that a failure costs a line and not a run."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

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
        return compiled, f"on (compiled in {time.perf_counter() - started:.0f} s)"
    except Exception as error:  # compilers fail in as many ways as there are compilers
        if ran_out(error):
            raise  # the first step would need as much
        return model, f"off, as compiling failed: {first_line(error)}"
    finally:
        model.zero_grad(set_to_none=True)
        model.load_state_dict(before)  # the trial moved the running statistics


def first_line(error: Exception) -> str:
    """The first line of an error that says something."""
    lines = [line.strip() for line in str(error).splitlines()]
    text = next((line for line in lines if line), "")
    return f"{type(error).__name__}: {text}"[:200]
