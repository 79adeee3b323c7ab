"""Names of several runs that tell them apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from headrace.pipeline.user_paths import resolved


def short_names(folders: Sequence[Path]) -> list[str]:
    """The folders' names, with as many of their parents as it takes to tell them apart."""
    whole = [resolved(folder) for folder in folders]
    for depth in range(1, max((len(path.parts) for path in whole), default=1) + 1):
        names = ["/".join(path.parts[-depth:]) for path in whole]
        if len(set(names)) == len(names):
            return names
    return [f"{path.name} ({number})" for number, path in enumerate(whole, 1)]
