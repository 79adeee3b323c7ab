"""How many crops are read from smaller sizes of their images, in a line."""

from __future__ import annotations

from headrace.pipeline.loaders import WITHOUT_LEVELS
from headrace.pipeline.planned import PlannedLoader


def levels_line(train: PlannedLoader, val: PlannedLoader | None, epoch: int) -> str:
    """Of the training crops of an epoch, counted from 0, and of validation's; "" where the records
    have no smaller sizes, or the loader knows nothing of them."""
    if not train.records.levels.any() or train.name in WITHOUT_LEVELS:
        return ""
    share = f"{_share(train, epoch):.0%} of the crops of epoch {epoch + 1}"
    line = f"smaller sizes: {share} are read from them"
    return line if val is None else f"{line}, {_share(val, 0):.0%} of validation's"


def _share(loader: PlannedLoader, epoch: int) -> float:
    read = loader.plan(epoch).read_levels(slice(None))
    return float((read > 0).mean()) if len(read) else 0.0
