"""The processes of one run: alone, or as `torchrun` started them."""

from __future__ import annotations

import gc
import importlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from headrace.pipeline.device import resolve_device
from headrace.pipeline.errors import ConfigError, HeadraceError

Made = TypeVar("Made")


@dataclass(frozen=True, kw_only=True)
class World:
    """This process among all.

    Attributes:
        rank: number of this process; 0 writes the run folder.
        size: number of processes.
        local_rank: number of this process on its machine, which is also its GPU.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def is_main(self) -> bool:
        return self.rank == 0

    def sum(self, values: Tensor) -> Tensor:
        """The sum of `values` over all processes."""
        if self.size > 1:
            dist.all_reduce(values)
        return values

    def any(self, flag: bool, device: torch.device) -> bool:
        """Whether any process says yes; waits for all of them."""
        if self.size == 1:
            return flag
        return bool(self.sum(torch.tensor(int(flag), device=device)).item())

    def broadcast(self, value: Any) -> Any:
        """What rank 0 holds, for every process."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0)
        return box[0]

    def on_main(self, do: Callable[[], Made]) -> Made | None:
        """Lets rank 0 do something that may be refused; then it is refused on every process.

        Without this the others would wait for a process that has gone.

        Returns:
            What `do` returned on rank 0, None on the others.

        Raises:
            Exception: on rank 0, whatever `do` raised; on the others a HeadraceError that says it.
        """
        made, error = None, None
        if self.is_main:
            try:
                made = do()
            except Exception as failure:
                error = failure
        refusal = self.broadcast(None if error is None else str(error) or type(error).__name__)
        if error is not None:
            try:
                raise error
            finally:
                error = None  # or this frame and the error would keep each other alive
        if refusal is not None:
            raise HeadraceError(refusal)
        return made

    def gather(self, value: Any) -> list[Any]:
        """What every process holds, in order of rank, on every process."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value)
        return values

    def same_buffers(self, model: nn.Module) -> None:
        """Gives every process rank 0's running statistics, which are the ones that are saved."""
        if self.size > 1:
            for buffer in model.buffers():
                dist.broadcast(buffer, src=0)


def join_world(device: str) -> tuple[World, torch.device]:
    """Joins the processes that `torchrun` announces in the environment, if there are any.

    Args:
        device: auto, cpu, cuda or cuda:N.

    Returns:
        This process' place, and its device.

    Raises:
        ConfigError: if the device is not there.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    world = World(
        rank=int(os.environ.get("RANK", "0")),
        size=size,
        local_rank=int(os.environ.get("LOCAL_RANK", "0")),
    )
    found = _choose_device(device, world)
    if found.type == "cuda":
        torch.cuda.set_device(found)
    if size > 1:
        # DistributedDataParallel imports it anyway. Imported after the group is made, it keeps the
        # group's threads alive past destroy_process_group, into the interpreter's end.
        importlib.import_module("torch._dynamo")

        _join("nccl" if found.type == "cuda" else "gloo")
    return world, found


def only_process(device: str) -> torch.device:
    """The device of a command that one process carries out.

    Args:
        device: auto, cpu, cuda or cuda:N.

    Raises:
        ConfigError: under torchrun, where each process would do all of it and write the same files;
            or if the device is not there.
    """
    size = os.environ.get("WORLD_SIZE", "1")
    if size != "1":
        raise ConfigError(
            f"this command is one process' work, and torchrun has started {size}; start it without "
            "torchrun"
        )
    found = _choose_device(device, World())
    if found.type == "cuda":
        torch.cuda.set_device(found)
    return found


def _join(backend: str) -> None:
    """Makes the group of all processes."""
    restarts = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    alone = os.environ.get("LOCAL_WORLD_SIZE") == os.environ["WORLD_SIZE"]
    if restarts == "0" or not alone:
        dist.init_process_group(backend)
        return
    # torchrun keeps its store over a restart, with the addresses of processes that are gone: a
    # prefix hides them. Nodes count restarts each for itself, so of several nodes there is none.
    from torch.distributed.rendezvous import rendezvous  # absent where torch has no distributed

    store, rank, size = next(rendezvous("env://"))
    store = dist.PrefixStore(f"restart{restarts}", store)
    dist.init_process_group(backend, store=store, rank=rank, world_size=size)


def leave_world() -> None:
    """Lets go of the other processes; does nothing where there are none.

    Everything that exchanges through them has to be closed by then. No thread of the group is left
    after it: one that met the interpreter's end would abort the process.
    """
    if dist.is_initialized():
        # Wrappers are parts of cycles, and keep the group and its threads for as long as they are.
        gc.collect()
        dist.destroy_process_group()


def _choose_device(name: str, world: World) -> torch.device:
    """This process' own device: under torchrun each gets a GPU by its number on the machine."""
    device = resolve_device(name, "--device")
    if device.type != "cuda" or device.index is not None:
        if world.size > 1 and device.index is not None:
            raise ConfigError(
                "--device cuda:N makes no sense under torchrun, which deals out the GPUs"
            )
        return device
    return resolve_device(f"cuda:{world.local_rank}", "--device")
