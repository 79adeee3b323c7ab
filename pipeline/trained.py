"""What training has left, named where images are expected: told by its files, and what takes it."""

from __future__ import annotations

from pathlib import Path

from headrace.pipeline.command_line import called
from headrace.pipeline.errors import RecordsError

CONFIG_NAME, LOG_NAME, TRIALS_NAME = "config.yaml", "metrics.jsonl", "trials.yaml"
_WEIGHTS = (".pt", ".pth", ".safetensors")


def is_run(folder: Path) -> bool:
    """Whether a folder is that of a run, or of several by folds or seeds."""
    whole = all((folder / name).is_file() for name in (CONFIG_NAME, LOG_NAME))
    return whole or (folder / TRIALS_NAME).is_file()


def check_not_trained(path: Path) -> None:
    """Refuses a run folder, a folder of nothing but such, and a file of weights.

    Raises:
        RecordsError: saying what it is, what is expected, and which commands take it.
    """
    if path.is_file() and path.suffix.lower() in _WEIGHTS:
        what = "holds a model's weights"
    elif path.is_dir() and is_run(path):
        what = "is the folder of a run"
    elif path.is_dir() and _holds_runs_alone(path):
        what = "is a folder of runs"
    else:
        return
    raise RecordsError(
        f"{path} {what}, and holds no images; name a .beton file or an image folder. A run is "
        f"taken by {called('predict', 'RUN', 'DATA')}, {called('report', 'RUN')} and "
        f"{called('train', '--resume', 'RUN')}"
    )


def _holds_runs_alone(folder: Path) -> bool:
    inside = (path for path in folder.iterdir() if not path.name.startswith("."))
    first = next(inside, None)
    return first is not None and is_run(first) and all(map(is_run, inside))
