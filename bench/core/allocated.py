"""The most memory that tensors take at once while something runs, counted by their storages.

On any device, and on one that is only pretended: under FakeTensorMode nothing is allocated, and
what would be is counted all the same.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode


class AllocatedPeak(TorchDispatchMode):
    """Counts storages that operators make inside of it, from the first sight of each to its end.

    Memory that an operator takes and returns within itself, as a library's workspace, is not seen.

    Attributes:
        peak_bytes: the most that was alive at once, without what was there before.
        total_bytes: of all storages together.
        calls: operators that were called, views included.
    """

    def __init__(self) -> None:
        super().__init__()
        self.peak_bytes = self.total_bytes = self.calls = 0
        self._alive_bytes = 0
        self._seen: set[int] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        before = {id(storage) for storage in _storages((args, kwargs))}
        out = func(*args, **(kwargs or {}))
        self.calls += 1
        for storage in _storages(out):
            if id(storage) not in self._seen and id(storage) not in before:
                self._add(storage)
        return out

    def _add(self, storage: torch.UntypedStorage) -> None:
        size, key = storage.nbytes(), id(storage)
        self._seen.add(key)
        self._alive_bytes += size
        self.total_bytes += size
        self.peak_bytes = max(self.peak_bytes, self._alive_bytes)
        weakref.finalize(storage, self._gone, key, size).atexit = False

    def _gone(self, key: int, size: int) -> None:
        self._seen.discard(key)
        self._alive_bytes -= size


def _storages(tree: Any) -> list[torch.UntypedStorage]:
    leaves = torch.utils._pytree.tree_leaves(tree)
    return [leaf.untyped_storage() for leaf in leaves if isinstance(leaf, torch.Tensor)]


def peak_bytes(call: Callable[[], Any], device: torch.device) -> int:
    """What a call allocates at most beyond what is there already: told by CUDA, else counted.

    Args:
        call: run once; its result counts.
        device: where it allocates.
    """
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        call()
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device) - before
    with AllocatedPeak() as counted:
        call()
    return counted.peak_bytes
