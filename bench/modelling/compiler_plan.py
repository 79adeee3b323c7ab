"""What torch.compile would make of device code: the kernels that it plans, and the bytes they move.

Without a GPU inductor traces, lowers and fuses for one that it is told of, and is stopped before it
makes code. These are insides of torch, tried with 2.14; with another it may say that it cannot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import torch

from headrace.pipeline.errors import FailedError
from headrace.pipeline.wording import one_line


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is planned.

    Attributes:
        kernels: that are launched, those of libraries (matrix products, say) among them.
        moved_bytes: what they read and write, each input and output of each kernel once.
    """

    kernels: int
    moved_bytes: int


class _Planned(BaseException):
    """Ends compiling; no `except Exception` of the compiler takes it for a failure."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan


def compiler_plan(function: Callable[..., Any], *inputs: Any) -> Plan:
    """Plans a pure function for an H100, under `pretended_cuda`.

    Args:
        function: of tensors, to tensors.
        inputs: tensors on the pretended device, in tuples or not.

    Raises:
        FailedError: if this torch's compiler is another inside.
    """
    try:
        from torch._inductor.compile_fx import compile_fx_inner
        from torch._inductor.decomposition import select_decomp_table
        from torch.fx.experimental.proxy_tensor import make_fx

        def compiled(*given: Any) -> Any:
            with patch.object(torch.compiler, "is_compiling", lambda: True):
                return tuple(torch.utils._pytree.tree_leaves(function(*given)))

        traced = make_fx(torch.func.functionalize(compiled), select_decomp_table())(*inputs)
        traced.graph.set_codegen(torch.fx.graph.CodeGen())  # flat inputs and outputs
        traced.graph.eliminate_dead_code()
        traced.recompile()
        with _told_of_a_gpu():
            compile_fx_inner(traced, torch.utils._pytree.tree_leaves(inputs))
    except _Planned as end:
        return end.plan
    except Exception as error:  # insides fail in any way
        raise FailedError(
            f"torch {torch.__version__} cannot be asked: {one_line(error, 200)}"
        ) from error
    raise FailedError(f"torch {torch.__version__} compiled without a plan")


@contextmanager
def _told_of_a_gpu() -> Iterator[None]:
    """Inductor is told of an H100, and stopped at its plan."""
    from torch._inductor import compile_fx, config, scheduler
    from torch._inductor.graph import GraphLowering
    from torch._inductor.runtime.hints import DeviceProperties

    found = DeviceProperties(
        type="cuda",
        index=0,
        multi_processor_count=132,
        cc=90,
        major=9,
        regs_per_multiprocessor=65536,
        max_threads_per_multi_processor=2048,
        max_threads_per_block=1024,
        warp_size=32,
    )
    told = SimpleNamespace(
        name="NVIDIA H100", major=9, minor=0, multi_processor_count=132, warp_size=32
    )
    with ExitStack() as stack:
        for place, name, value in (
            (DeviceProperties, "create", lambda device: found),
            (torch.cuda, "get_device_properties", lambda *given: told),
            (torch.cuda, "get_device_capability", lambda *given: (9, 0)),
            (torch.cuda, "current_device", lambda: 0),
            (scheduler, "has_triton", lambda: True),
            (compile_fx, "_check_triton_bf16_support", lambda graph: None),
            (GraphLowering, "compile_to_module", _stop),
        ):
            stack.enter_context(patch.object(place, name, value))
        stack.enter_context(config.patch(fx_graph_cache=False))
        yield


def _stop(graph: Any) -> None:
    from torch._inductor.scheduler import NopKernelSchedulerNode

    graph.init_wrapper_code()
    graph._update_scheduler()
    nodes = [n for n in graph.scheduler.nodes if not isinstance(n, NopKernelSchedulerNode)]
    moved = sum(node.get_read_write_buffers_sizes() for node in nodes)
    raise _Planned(Plan(kernels=len(nodes), moved_bytes=int(moved)))
