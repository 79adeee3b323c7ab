"""How worker processes of a DataLoader are started: forked from a process that has no threads.

A fork copies one thread and the locks of all others, as they are at that moment: a worker forked
from a process in which others run (those of a process group, of autograd, of OpenMP, of CUDA) may
wait for ever for a lock that nobody holds. So on Linux a server is started that imports what a
worker needs, and waits; it is forked for each worker (Python's `forkserver`). Elsewhere Python
starts workers afresh anyway.

What is other than in Python's own: the server is ours alone, so nothing of a program's own children
changes; the user's script is not imported again in workers, which have no use for it, so it needs
no `if __name__ == "__main__"`; and workers leave SIGINT, SIGTERM and SIGHUP, which a terminal or a
cluster sends to everyone, to the process that ends them.
"""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
from multiprocessing import connection, context, forkserver, parent_process, reduction, util
from multiprocessing.context import BaseContext, set_spawning_popen
from multiprocessing.spawn import get_preparation_data
from typing import Any

from headrace.pipeline.interrupts import TO_END

SERVER_IMPORTS = ["headrace.pipeline.loaders.worker_server"]


def worker_context() -> BaseContext | None:
    """What starts workers; None for the platform's own way. The server begins its imports now."""
    if sys.platform != "linux":
        return None
    _server.ensure_running()
    return _Context()


def prepare_worker(worker: int) -> None:
    """Called first in every worker process, with its number."""
    for number in TO_END:
        signal.signal(number, signal.SIG_IGN)
    parent = parent_process()
    if parent is not None:
        # torch watches the process that a worker was forked from, which here is the server's.
        watch = threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True)
        watch.start()


def _end_with(sentinel: int) -> None:
    """Ends this process when the one that has started it has gone, however it went."""
    connection.wait([sentinel])
    os._exit(1)


def _new_server() -> forkserver.ForkServer:
    server = forkserver.ForkServer()
    server.set_forkserver_preload(SERVER_IMPORTS)
    return server


_server = _new_server()


def _after_fork() -> None:
    """A forked child's workers come from a server of its own, and its parent's is the parent's."""
    global _server
    inherited = _server._forkserver_alive_fd  # type: ignore[attr-defined]
    if inherited is not None:
        os.close(inherited)
    _server = _new_server()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

if sys.platform == "linux":
    from multiprocessing import popen_forkserver

    class _Popen(popen_forkserver.Popen):
        """As its base, of Python 3.10 to 3.13, with our server and without the user's script."""

        def _launch(self, process_obj: Any) -> None:
            everything = get_preparation_data(process_obj.name).items()
            prepared = {key: value for key, value in everything if "init_main" not in key}
            buffer = io.BytesIO()
            set_spawning_popen(self)
            try:
                reduction.dump(prepared, buffer)
                reduction.dump(process_obj, buffer)
            finally:
                set_spawning_popen(None)
            self.sentinel, data_end = _server.connect_to_new_process(self._fds)  # type: ignore[attr-defined]
            # Held as long as this process lives: a worker sees by its other end when it does not.
            held = os.dup(data_end)
            ends = (held, self.sentinel)
            self.finalizer = util.Finalize(self, util.close_fds, ends)  # type: ignore[attr-defined]
            with os.fdopen(data_end, "wb") as file:
                file.write(buffer.getbuffer())
            self.pid = forkserver.read_signed(self.sentinel)

        def terminate(self) -> None:
            """What a dying script does to the workers that it has left; they heed no SIGTERM."""
            self.kill()

    class _Process(context.ForkServerProcess):
        @staticmethod
        def _Popen(process_obj: Any) -> Any:
            return _Popen(process_obj)

    class _Context(context.ForkServerContext):
        Process = _Process
