"""Runs, and what is asked of them, have torch's own defaults, whatever their caller has told torch:
their numbers are their own, and so are the caller's random numbers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch


@contextmanager
def torch_defaults() -> Iterator[None]:
    """Meanwhile tensors are float32, made on the CPU and with gradients, outside any autocast.

    What is drawn on the CPU meanwhile has not been, for the caller's own draws.
    """
    with ExitStack() as given_back:
        given_back.enter_context(torch.random.fork_rng(devices=[]))
        given_back.callback(torch.set_default_dtype, torch.get_default_dtype())
        torch.set_default_dtype(torch.float32)
        given_back.enter_context(torch.inference_mode(False))
        given_back.enter_context(torch.enable_grad())
        if torch.get_default_device().type != "cpu":  # or every call of torch's would cost more
            given_back.enter_context(torch.device("cpu"))
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                # Its cache of weights is emptied by the outermost one alone, at its end: steps
                # would go on with the first step's.
                outside = torch.autocast(kind, enabled=False, cache_enabled=False)
                given_back.enter_context(outside)
        yield
