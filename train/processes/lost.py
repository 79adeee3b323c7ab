"""What a process sees of another that has gone: an error of the exchange between them."""

from __future__ import annotations

import torch.distributed as dist

from headrace.pipeline.errors import FailedError
from headrace.pipeline.wording import one_line
from headrace.train.processes.world import World

_WORDS = ("connection closed by peer", "connection reset", "connection refused", "broken pipe")
_EXCHANGES = ("gloo", "nccl", "tcpstore", "socket")


class ProcessLost(FailedError):
    """Another process of the run has ended before its time."""


def lost_process(error: BaseException, world: World) -> bool:
    """Whether an error tells that another process of the run is no longer there."""
    if world.size == 1:
        return False
    if isinstance(error, dist.DistBackendError | dist.DistNetworkError):
        return True
    said = str(error).lower()
    return any(word in said for word in _WORDS) and any(name in said for name in _EXCHANGES)


def lost_line(error: BaseException, how: str) -> str:
    """What to say of it.

    Args:
        error: torch's.
        how: the command that goes on with the run.
    """
    reason = one_line(error, 160)
    return (
        f"another process of the run has gone, or cannot be reached any more ({reason}); the run "
        f"goes on from its last.pt, if it has saved one, with `{how}`"
    )
