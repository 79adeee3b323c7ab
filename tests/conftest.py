"""What holds for all tests."""

import signal

from hypothesis import settings

# How long an example takes says how busy the machine is.
settings.register_profile("headrace", deadline=None)
settings.load_profile("headrace")

# A shell's background job ignores SIGINT, and so does whatever it starts: what tests interrupt
# would go on for ever.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
