"""--deterministic: the same numbers every time, also where a faster way would round otherwise.

Source: docs.pytorch.org/docs/stable/notes/randomness.html.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from headrace.pipeline.errors import ConfigError, FailedError

WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
_FIXED = (":4096:8", ":16:8")
"""Workspaces of cuBLAS with which its sums have one order."""
_REFUSED = re.compile(r"^(\S+) does not have a deterministic implementation")


class NotDeterministic(FailedError):
    """An operation has no deterministic form where it is computed; the text names it."""


@contextmanager
def deterministic(wanted: bool) -> Iterator[None]:
    """Meanwhile torch takes deterministic algorithms alone, if wanted, and fails where it has none.

    The environment keeps what cuBLAS reads from it, once: a second run is as the first.

    Raises:
        ConfigError: if cuBLAS has been told otherwise, or may have begun without being told.
    """
    if not wanted:
        yield
        return
    told = os.environ.get(WORKSPACE)
    if told is None:
        if torch.cuda.is_initialized():
            raise ConfigError(
                f"--deterministic: CUDA is in use already, without {WORKSPACE}; set {WORKSPACE}="
                f"{_FIXED[0]} in the environment before this process starts"
            )
        os.environ[WORKSPACE] = _FIXED[0]
    elif told not in _FIXED:
        raise ConfigError(
            f"--deterministic: {WORKSPACE} is {told!r}, expected {' or '.join(_FIXED)}; unset it"
        )
    cudnn = torch.backends.cudnn
    before = cudnn.benchmark, cudnn.deterministic
    algorithms = torch.are_deterministic_algorithms_enabled()
    only_warned = torch.is_deterministic_algorithms_warn_only_enabled()
    cudnn.benchmark, cudnn.deterministic = False, True
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(algorithms, warn_only=only_warned)
        cudnn.benchmark, cudnn.deterministic = before


def without_deterministic_form(error: BaseException, device: torch.device) -> str:
    """A line that names the operation, if that is what an error says; else ""."""
    said = _REFUSED.match(str(error)) if isinstance(error, RuntimeError) else None
    if said is None:
        return ""
    return (
        f"--deterministic: {said[1]} has no deterministic form on {device.type}; leave "
        "--deterministic out, or take a model, loss or recipe without it"
    )
