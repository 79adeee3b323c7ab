"""Learning rate schedules by name, one file each: pure functions of the step, but for plateau."""

from __future__ import annotations

SCHEDULES = {
    "cosine": "headrace.train.schedules.cosine",
    "constant": "headrace.train.schedules.constant",
    "step": "headrace.train.schedules.step",
    "multistep": "headrace.train.schedules.multistep",
    "exponential": "headrace.train.schedules.exponential",
    "cosine-restarts": "headrace.train.schedules.cosine_restarts",
    "one-cycle": "headrace.train.schedules.one_cycle",
    "linear": "headrace.train.schedules.linear",
    "wsd": "headrace.train.schedules.wsd",
    "plateau": "headrace.train.schedules.plateau",
}
"""Names and the modules that define `Settings` and `build(settings, span) ->
Callable[[int], float]`, which gives a step's learning rate from the number of optimizer steps done
before it, from the end of the warm-up on (warmup.py has what comes before). One that keeps state
is a hook too."""
