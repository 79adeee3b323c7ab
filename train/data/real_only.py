"""Only photographs are measured on: samples of a file that is marked as synthetic are refused."""

from __future__ import annotations

import numpy as np

from headrace.pipeline.command_line import called
from headrace.pipeline.data_files import DataFile
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.records import Records
from headrace.pipeline.wording import counted, printable

OTHER_SPLIT = (
    "measure on real images: choose a --val-split without that file's, or hold nothing out with "
    "--val-split none"
)


_LONGEST = 100


def made_by(file: DataFile) -> str:
    """How a file's images were made, for a message; "" for photographs."""
    if file.synthetic is None:
        return ""
    generator = file.synthetic.get("generator") or "a generator"
    seed = file.synthetic.get("seed")
    told = f"made by {generator}" if seed is None else f"made by {generator}, seed {seed}"
    return printable(told)[:_LONGEST]  # whoever wrote the file wrote this


def num_synthetic(records: Records, chosen: np.ndarray) -> int:
    """How many of the chosen records, (n,) int64, are of a file that is marked as synthetic."""
    return sum(count for _, count in _synthetic(records, chosen))


def check_real(records: Records, chosen: np.ndarray, what: str, advice: str = OTHER_SPLIT) -> None:
    """Refuses to measure on images that no camera took.

    Args:
        records: all of them.
        chosen: (n,) int64, those that would be measured on.
        what: names them, as `--split val`.
        advice: what to do.

    Raises:
        ConfigError: naming the first such file.
    """
    for file, count in _synthetic(records, chosen):
        raise ConfigError(
            f"{what} has {counted(count, 'sample')} of {file.path} (synthetic, {made_by(file)}), "
            f"and a score on these says nothing of photographs; {advice}"
        )


def draw_advice(flag: str) -> str:
    """What to do where a draw would hold synthetic samples out."""
    return (
        f"leave {flag} out and hold real images out when they are packed: "
        f"{called('pack')} FOLDER OUT.beton --val-fraction 0.2"
    )


def _synthetic(records: Records, chosen: np.ndarray) -> list[tuple[DataFile, int]]:
    counts = np.bincount(records.file_of[chosen], minlength=len(records.files)).tolist()
    return [
        (file, count)
        for file, count in zip(records.files, counts, strict=True)
        if file.synthetic is not None and count
    ]
