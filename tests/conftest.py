"""What holds for all tests."""

import os
import signal

from hypothesis import settings

# Images this small cost less than waking a second thread, and far less on a busy machine. OpenMP
# reads it when torch is loaded, here and in the processes that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# How long an example takes says how busy the machine is.
settings.register_profile("headrace", deadline=None)
settings.load_profile("headrace")

# A shell's background job ignores SIGINT, some servers block it, and so does whatever they start:
# what tests interrupt or end would go on for ever.
for number, handler in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGTERM, signal.SIG_DFL),
):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, handler)
if hasattr(signal, "pthread_sigmask"):
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGTERM))
