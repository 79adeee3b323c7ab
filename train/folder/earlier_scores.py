"""What checkpoints and exported files say of their weights, also those of before version 0.2.

They called the epochs done `epoch`; a probe, which does one, counted it from 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def with_epochs_done(scores: Mapping[str, Any], *, goes_on: bool = False) -> dict[str, Any]:
    """The same scores with `epochs_done` in the place of `epoch`.

    Args:
        scores: of a checkpoint, checked; whatever it has and lacks.
        goes_on: whether they are of a last.pt, which may be saved in the first epoch.
    """
    found = dict(scores)
    if "epoch" in found and "epochs_done" not in found:
        done = found.pop("epoch")
        is_probe = not goes_on and (done, found.get("global_step")) == (0, 1)
        found = {"epochs_done": 1 if is_probe else done, **found}
    return found
