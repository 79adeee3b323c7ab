"""What the server of worker processes imports before it is forked for each; nobody else does."""

from __future__ import annotations

import signal

import headrace.pipeline.loaders.torchvision  # noqa: F401
from headrace.pipeline.bus_error import explain_bus_errors
from headrace.pipeline.interrupts import TO_END

# Sent to a whole group, these are for the process that ends server and workers.
for number in TO_END:
    signal.signal(number, signal.SIG_IGN)
# Held, too: between its start and our turn in it, torch gives a worker a handler of SIGTERM.
signal.pthread_sigmask(signal.SIG_BLOCK, TO_END)
explain_bus_errors()
