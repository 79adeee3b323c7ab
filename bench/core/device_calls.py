"""What code asks of a device: kernels, memory, copies between host and device, and waits for it.

On any device, and on one that is only pretended (pretended_cuda.py): nothing is computed there, and
what would be is counted all the same.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import torch
from torch._subclasses.fake_tensor import DynamicOutputShapeException, FakeTensor
from torch.utils._python_dispatch import TorchDispatchMode

READING = ("_local_scalar_dense", "nonzero", "masked_select", "unique", "bincount", "is_nonzero")
"""In the names of operators for which the host reads a value, or a shape that depends on values."""
_COPIES = ("aten._to_copy.", "aten.copy_.", "aten.to.")
_NO_KERNEL = ("prim.", "aten.empty", "aten.new_empty", "aten._unsafe_view", "aten.is_")
_NOT_READ = ("aten.copy_", "aten.fill_", "aten.zero_", "aten.random_", "aten.uniform_")
_READ_IN_PART = ("aten.index.", "aten.index_select", "aten.gather")


class DeviceCalls(TorchDispatchMode):
    """Counts what happens inside of it, operator by operator, as torch hands them to the device.

    An operator counts as one kernel, though a sort or a convolution may be several. Memory that an
    operator takes and gives back within itself, as a library's workspace, is not seen. On a
    pretended device a value that is read is 0, so that what follows is counted too.

    Args:
        device: the type of the device whose kernels and memory are counted.

    Attributes:
        launches: kernels, which views and allocations are not.
        peak_bytes: the most memory that was alive at once, without what was there before.
        total_bytes: of all that was allocated.
        moved_bytes: what the kernels read and write, each of its inputs and outputs once.
        waits: names of operators for which the host waits.
        to_host, to_device: names of operators that copy from one to the other.
    """

    def __init__(self, device: str = "cuda") -> None:
        super().__init__()
        self.launches = self.peak_bytes = self.total_bytes = self.moved_bytes = 0
        self.waits: list[str] = []
        self.to_host: list[str] = []
        self.to_device: list[str] = []
        self._device = device
        self._alive_bytes = 0
        self._seen: set[int] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        name = str(func)
        given = _tensors((args, kwargs))
        if any(word in name for word in READING):
            self.waits.append(name)
            if "_local_scalar_dense" in name and isinstance(given[0], FakeTensor):
                return _zero(given[0].dtype)
        before = {id(tensor.untyped_storage()) for tensor in given}
        try:
            out = func(*args, **kwargs)
        except DynamicOutputShapeException:
            self.waits.append(name)
            raise
        made = _tensors(out)
        self._note_copy(name, given, made, _unwaited(args, kwargs))
        self._note_kernel(func, name, given, made)
        for tensor in self._here(made):
            storage = tensor.untyped_storage()
            if id(storage) not in self._seen and id(storage) not in before:
                self._add(storage)
        return out

    def _here(self, tensors: list[torch.Tensor]) -> list[torch.Tensor]:
        return [tensor for tensor in tensors if tensor.device.type == self._device]

    def _note_copy(
        self, name: str, given: list[torch.Tensor], made: list[torch.Tensor], unwaited: bool
    ) -> None:
        """Copies by name, and operators that take values from the other side, an index say."""
        copies = name.startswith(_COPIES)
        # A single value on the host is passed to a kernel as its argument.
        source = {t.device.type for t in given if copies or t.ndim}
        target = {t.device.type for t in made}
        if len(source | target) < 2 or not target:
            return
        (self.to_device if self._device in target else self.to_host).append(name)
        if not (copies and unwaited):
            self.waits.append(name)

    def _note_kernel(
        self, func: Any, name: str, given: list[torch.Tensor], made: list[torch.Tensor]
    ) -> None:
        given, made = self._here(given), self._here(made)
        if getattr(func, "is_view", False) or name.startswith(_NO_KERNEL):
            return
        # Those that change a list of tensors in place return nothing.
        if not any(tensor.numel() for tensor in made or given):
            return
        self.launches += 1
        read = given[1:] if name.startswith(_NOT_READ) else given
        sizes = [_bytes_of(tensor) for tensor in read]
        written = sum(map(_bytes_of, made)) or sum(sizes)
        if name.startswith(_READ_IN_PART):
            sizes[0] = min(sizes[0], written)
        self.moved_bytes += sum(sizes) + written

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


def _tensors(tree: Any) -> list[torch.Tensor]:
    leaves = torch.utils._pytree.tree_leaves(tree)
    return [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]


def _unwaited(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether a copy was asked for that the host does not wait for."""
    return kwargs.get("non_blocking", len(args) > 2 and args[2] is True) is True


def _bytes_of(tensor: torch.Tensor) -> int:
    """Of the elements that are different ones in memory."""
    count = tensor.element_size()
    for size, stride in zip(tensor.shape, tensor.stride(), strict=True):
        count *= size if stride else min(size, 1)
    return count


def _zero(dtype: torch.dtype) -> bool | int | float:
    return False if dtype == torch.bool else 0.0 if dtype.is_floating_point else 0


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
    with DeviceCalls(device.type) as counted:
        call()
    return counted.peak_bytes
