"""When memory runs out: whether that is what an error says, and which settings take less."""

from __future__ import annotations

import math
import re

import torch
from torch import nn

from headrace.pipeline.errors import FailedError
from headrace.train.models.checkpointing import can_be_cut
from headrace.train.settings.config import RunConfig

# CUDA's allocator, torch's on the CPU (Linux, Windows), cuBLAS, numpy.
_SAID = re.compile(
    r"out of memory|can't allocate memory|not enough memory|CUBLAS_STATUS_ALLOC_FAILED|"
    r"Unable to allocate",
    re.IGNORECASE,
)
_ASKED = re.compile(r"tried to allocate ([\d.]+ ?[KMGT]?i?B(?:ytes)?)", re.IGNORECASE)
_ROUND = 8


class OutOfMemory(FailedError):
    """There was not enough memory, on the device or the host; the text says what takes less."""


def ran_out(error: BaseException) -> bool:
    """Whether an error says that memory could not be had."""
    if isinstance(error, MemoryError | torch.cuda.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and bool(_SAID.search(str(error)))


def out_of_memory(error: BaseException, doing: str, device: torch.device, advice: str) -> str:
    """One line for the user.

    Args:
        error: what was raised.
        doing: what the memory was wanted for.
        device: where that was computed.
        advice: what to try.
    """
    asked = _ASKED.search(str(error))
    wanted = f", which wanted {_in_gib(asked[1])} more" if asked else ""
    return f"out of memory on {device} in {doing}{wanted}; try {advice}"


def _in_gib(amount: str) -> str:
    """`2.00 GiB` as it is, `2147483648 bytes` as that."""
    number = amount.removesuffix("bytes").strip()
    return f"{int(number) / 2**30:.2f} GiB" if number.isdecimal() else amount


def smaller_batch(batch_size: int, processes: int = 1) -> int:
    """At most half of a batch, in eights where it is large enough; 0 if it would be too small.

    Every process gets as many samples, and two at least, for batch normalisation.
    """
    half = batch_size // 2
    for unit in (math.lcm(_ROUND, processes), processes):
        if half >= 2 * unit:
            return half - half % unit
    return 0


def what_takes_less(
    config: RunConfig,
    device: torch.device,
    *,
    processes: int,
    training: bool,
    model: nn.Module | None = None,
    loader: str = "",
) -> str:
    """Settings of a run with which it needs less memory, the first of which changes the least.

    Args:
        config: the run's settings.
        device: where it computes.
        processes: that share a batch.
        training: whether gradients were wanted; an evaluation keeps no activations.
        model: what is trained, where it is known.
        loader: that decoded, where it is known.
    """
    batch, parts = config.data.batch_size, 2 * config.optim.accumulate
    tries, more = [], []
    if less := smaller_batch(batch, processes):
        tries.append(f"--batch-size {less}")
    if training and batch // processes // parts >= 2:
        tries.append(
            f"--accumulate {parts}, which trains the same from {parts} parts of each batch of "
            f"{batch} (batch norms aside)"
        )
    cut = training and not config.model.activation_checkpointing
    if cut and model is not None and can_be_cut(model):
        more.append("--activation-checkpointing")
    if config.runtime.amp == "off" and device.type == "cuda":
        more.append("--amp auto")
    if loader == "resident":
        less_of = config.data.decode.resident_memory / 2
        more.append(f"--resident-memory {less_of:g}")
    if not tries:
        more.append("a smaller --size or --model")
    said = " or ".join(tries)
    others = " and ".join(more)
    if not said:
        return others
    return f"{said}; {others} {'take' if len(more) > 1 else 'takes'} less too" if more else said
