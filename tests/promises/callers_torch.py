"""What a program may have told torch and numpy before it calls this one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import torch


@contextmanager
def told_otherwise() -> Iterator[None]:
    """Meanwhile tensors are float64, nowhere and without gradients by default, products are in
    bfloat16, and numpy raises at every odd number.

    The device stands for CUDA, and finds every tensor that is made without saying where.
    """
    with ExitStack() as given_back:
        given_back.callback(torch.set_default_dtype, torch.get_default_dtype())
        torch.set_default_dtype(torch.float64)
        given_back.enter_context(torch.inference_mode())
        given_back.enter_context(torch.device("meta"))
        given_back.enter_context(torch.autocast("cpu", torch.bfloat16))
        given_back.enter_context(np.errstate(all="raise"))
        yield
