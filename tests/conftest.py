"""What holds for all tests."""

import os
import random
import signal
import zlib

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

# Images this small cost less than waking a second thread, and far less on a busy machine. OpenMP
# reads it when torch is loaded, here and in the processes that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# How long an example takes, or is drawn for, says how busy the machine is.
settings.register_profile("headrace", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("headrace")

# A shell's background job ignores SIGINT, some servers block it, and so does whatever they start:
# what tests interrupt or end would go on for ever.
for number, handler in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGTERM, signal.SIG_DFL),
    (getattr(signal, "SIGHUP", signal.SIGTERM), signal.SIG_DFL),  # of nohup
):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, handler)
if hasattr(signal, "pthread_sigmask"):
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGTERM))


@pytest.fixture(autouse=True)
def _seeded(request: pytest.FixtureRequest) -> None:
    """What a test draws without a seed of its own is the same in each ./dev test, too."""
    import torch  # after OMP_NUM_THREADS

    drawn = f"{request.config.getoption('--hypothesis-seed')} {request.node.nodeid}"
    seed = zlib.crc32(drawn.encode())
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
