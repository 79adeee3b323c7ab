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

from torch import Tensor

from headrace.pipeline.checking import shown
from headrace.pipeline.command_line import called
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.wording import one_line, reason_of
from headrace.train.device.amp import Precision
from headrace.train.folder.checkpoint import FORMAT, CheckpointError
from headrace.train.folder.run_folder import GENERATOR_NAME
from headrace.train.folder.torch_file import read_torch_file
from headrace.train.generating.kind import Generator, Shape
from headrace.train.generating.kinds import as_generator, build_network
from headrace.train.generating.settings import KindName, NetworkName
from headrace.train.generating.unet import check_network

_REQUIRED = ("generator", "classes", "config", "weights", "progress")


def read_generator_file(path: Path) -> dict[str, Any]:
    """Reads a file of a generator onto the CPU, running no code from it.

    Args:
        path: the file, or its run folder.

    Raises:
        CheckpointError: if it is missing, damaged or another file, in one line.
    """
    path = path / GENERATOR_NAME if path.is_dir() else path
    if not path.is_file():
        raise CheckpointError(
            f"{path} does not exist; give the run folder of {called('generate')} fit"
        )
    try:
        content = read_torch_file(path)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged: {reason_of(error)}") from None
    if not isinstance(content, dict) or any(key not in content for key in _REQUIRED):
        raise CheckpointError(
            f"{path} holds no generator; give the run folder of {called('generate')} fit"
        )
    if content.get("format") != FORMAT:
        raise CheckpointError(
            f"{path} has format {shown(content.get('format'))}, expected {FORMAT}; use the version "
            "of Headrace that wrote it"
        )
    try:
        _check(content)
    except ConfigError as error:
        raise CheckpointError(f"{path} is damaged: {error}; take another file") from None
    return content


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


def _check(content: Mapping[str, Any]) -> None:
    """Refuses fields of another kind than a generator's training saves."""
    told, classes = content["generator"], content["classes"]
    fields = set(Shape.__dataclass_fields__)
    if not isinstance(told, dict) or set(told) != fields:
        raise ConfigError(f"its generator is {shown(told)}, expected {', '.join(sorted(fields))}")
    if told["kind"] not in get_args(KindName) or told["network"] not in get_args(NetworkName):
        raise ConfigError(f"its generator is of kind {shown(told['kind'])}")
    for name in ("classes", "size", "width"):
        if type(told[name]) is not int:
            raise ConfigError(f"its {name} is {shown(told[name])}, expected a whole number")
    check_network(told["size"], told["width"])
    texts = isinstance(classes, list) and all(isinstance(name, str) for name in classes)
    if not texts or len(classes) != told["classes"]:
        raise ConfigError("its classes are no names, or not as many as its network has")
    if not isinstance(content["config"], dict):
        raise ConfigError(f"its config is {shown(content['config'])}, expected settings by name")
    weights = content["weights"]
    if not isinstance(weights, dict) or not all(isinstance(v, Tensor) for v in weights.values()):
        raise ConfigError("its weights are no tensors by name")
    progress = content["progress"]
    whole = isinstance(progress, dict) and all(type(v) is int for v in progress.values())
    if not whole or set(progress) != {"epoch", "step"}:
        raise ConfigError(f"its progress is {shown(progress)}, expected epoch and step")
