"""Files of generators: what draws, and what its training goes on from.

Keys of generator.pt, which holds averaged weights, and of last.pt::

    format    1
    generator the fields of `kind.Shape`
    classes   class names, by label
    config    the settings of its training, flat
    weights   the network's state dict
    progress  epochs and steps done

last.pt has besides `training`, the state of all that is trained, `seconds`, `log_bytes` and
`data_fingerprint`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from headrace.pipeline.wording import one_line
from headrace.train.device.amp import Precision
from headrace.train.folder.checkpoint import CheckpointError, Kind, read_checkpoint
from headrace.train.folder.checkpoint_fields import CHECKS, check_count, check_each
from headrace.train.folder.run_folder import GENERATOR_NAME
from headrace.train.generating.kind import Generator, Shape
from headrace.train.generating.kinds import as_generator, build_network
from headrace.train.generating.settings import KindName, NetworkName
from headrace.train.generating.unet import check_network


def load_generator(content: Mapping[str, Any], path: Path, precision: Precision) -> Generator:
    """What draws with the weights of a file.

    Args:
        content: as `read_generator_file` gives it.
        path: of the file, for errors.
        precision: where and how it computes.

    Raises:
        CheckpointError: if the weights are of another network.
    """
    shape = Shape(**content["generator"])
    network = build_network(shape)
    try:
        network.load_state_dict(content["weights"])
    except (RuntimeError, TypeError, KeyError, AttributeError) as error:
        raise CheckpointError(
            f"{path} is damaged: its weights are of another network: {one_line(error, 200)}"
        ) from None
    return as_generator(shape, network, precision)


def read_generator_file(path: Path) -> dict[str, Any]:
    """Reads a file of a generator onto the CPU, running no code from it.

    Args:
        path: the file, or its run folder, which stands for its generator.pt.

    Raises:
        CheckpointError: as of `read_checkpoint`.
    """
    return read_checkpoint(path / GENERATOR_NAME if path.is_dir() else path, GENERATOR)


def _check(content: Mapping[str, Any]) -> None:
    """Refuses fields of another kind than a generator's training saves."""
    check_each(content, _CHECKS)
    told = content["generator"]
    check_network(told["size"], told["width"])
    check_count("generator", told["classes"], content["classes"])


def _generator(value: Any) -> str:
    fields = set(Shape.__dataclass_fields__)
    if not isinstance(value, dict) or set(value) != fields:
        return f"{', '.join(sorted(fields))} by name"
    if value["kind"] not in get_args(KindName) or value["network"] not in get_args(NetworkName):
        return "one of a kind and network that there are"
    whole = all(type(value[name]) is int for name in ("classes", "size", "width"))
    return "" if whole else "classes, size and width in it to be whole numbers"


def _progress(value: Any) -> str:
    whole = isinstance(value, dict) and all(type(v) is int and v >= 0 for v in value.values())
    return "" if whole and set(value) == {"epoch", "step"} else "epoch and step, from 0"


_SHARED = ("classes", "config", "weights", "log_bytes", "data_fingerprint")
_CHECKS = {
    **{name: CHECKS[name] for name in _SHARED},
    "generator": _generator,
    "progress": _progress,
}
GENERATOR = Kind(
    command=("generate", "fit"),
    required=("generator", "classes", "config", "weights", "progress"),
    check=_check,
)
