"""Moves batches to the training device while the current one is being used."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from contextlib import closing

import torch

from headrace.pipeline.batch import Batch
from headrace.pipeline.errors import ConfigError


def resolve_device(device: str | torch.device, setting: str = "device") -> torch.device:
    """The named device; `auto` is CUDA where there is one, else the CPU.

    Args:
        device: auto, cpu, cuda or cuda:N.
        setting: what the user calls it, for errors.

    Raises:
        ConfigError: if it is not there.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        resolved = torch.device(device)
        known = resolved.type in ("cpu", "cuda")
    except RuntimeError:
        known = False
    if not known:
        raise ConfigError(f"{setting} is {str(device)!r}, expected auto, cpu or cuda[:N]")
    if resolved.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            f"{setting} is {str(device)!r} but torch sees no CUDA GPU; use --device cpu, or "
            "install a CUDA build of torch and its driver"
        )
    if resolved.index is not None and resolved.type == "cuda":
        count = torch.cuda.device_count()
        if resolved.index >= count:
            raise ConfigError(f"{setting} is {str(device)!r}, but there are only {count} GPUs")
    return resolved


def to_device(
    batches: Generator[Batch, None, None], device: torch.device
) -> Generator[Batch, None, None]:
    """Yields the batches on `device`, one copy ahead on CUDA; on the CPU nothing is added.

    On CUDA, for each batch: 1. pin it (a host copy into page-locked memory that torch caches);
    2. copy it asynchronously on a side stream; 3. when it is handed out, let the current stream
    wait for the copy, and tell the allocator that the current stream uses the memory, so that it
    is not given away while a kernel still reads it. The source stays referenced until its copy is
    over, since a loader fills its buffers again as soon as nobody holds them.

    Args:
        batches: on the CPU, or already on `device` (a GPU decoder's), which pass through.
    """
    if device.type != "cuda":
        yield from batches
        return
    side = torch.cuda.Stream(device)
    ahead: tuple[Batch, torch.cuda.Event] | None = None
    sources: deque[tuple[Batch, torch.cuda.Event]] = deque()
    try:
        with closing(batches):
            for batch in batches:
                with torch.cuda.stream(side):
                    moved = Batch(*(async_copy(tensor, device) for tensor in batch))
                done = side.record_event()
                sources.append((batch, done))
                while sources and sources[0][1].query():
                    sources.popleft()
                if ahead is not None:
                    yield _hand_out(*ahead)
                ahead = moved, done
            if ahead is not None:
                yield _hand_out(*ahead)
    finally:
        side.synchronize()  # before the last sources go


def async_copy(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """A tensor on the device, without a wait for what that has yet to do; itself if it is there."""
    if tensor.device.type == device.type:  # `cuda` and `cuda:0` are not equal
        return tensor
    return tensor.pin_memory().to(device, non_blocking=True)


def _hand_out(batch: Batch, done: torch.cuda.Event) -> Batch:
    stream = torch.cuda.current_stream(batch.images.device)
    stream.wait_event(done)
    for tensor in batch:
        tensor.record_stream(stream)
    return batch
