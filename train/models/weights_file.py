"""Files of weights, .safetensors or state dicts that torch saved, read without running code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from headrace.augment.preprocess import Preprocess
from headrace.pipeline.containers.opening import holds_packed
from headrace.pipeline.errors import ConfigError, MissingPackageError
from headrace.pipeline.user_paths import expanded
from headrace.pipeline.wording import one_line, reason_of
from headrace.train.folder.run_folder import BEST_NAME
from headrace.train.folder.runs_inside import name_a_run
from headrace.train.folder.torch_file import NotPlainError, read_torch_file

_CONTAINERS = ("weights", "state_dict", "model_state_dict", "model", "net")
"""Keys under which trainers keep the model's weights among other things; the first is ours."""
_PREFIXES = ("_orig_mod.", "module.")
"""What torch.compile and DistributedDataParallel put before every name."""


def read_weights(path: str) -> dict[str, Tensor]:
    """Name to tensor, on the CPU.

    Raises:
        ConfigError: if the file is not there, is damaged, or holds something else.
        MissingPackageError: for a .safetensors file without that package.
    """
    file = _file(path)
    content = _read_safetensors(file) if file.suffix == ".safetensors" else _read_torch(file)
    found = _tensors(content)
    if found is None:
        raise ConfigError(
            f"--weights {path} holds no weights: expected a state dict, by itself or under one of "
            f"{', '.join(_CONTAINERS)}; save one with torch.save(model.state_dict(), FILE)"
        )
    for prefix in _PREFIXES:
        if all(name.startswith(prefix) for name in found):
            found = {name.removeprefix(prefix): value for name, value in found.items()}
    return found


def read_statistics(path: str) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Mean and deviation that a file's weights were trained with; None where it does not tell.

    This project's checkpoints do.

    Raises:
        ConfigError: if the file is not there or damaged, or what it tells makes no sense.
    """
    file = _file(path)
    content = None if file.suffix == ".safetensors" else _read_torch(file)
    told = content.get("preprocess") if isinstance(content, Mapping) else None
    if not isinstance(told, Mapping) or not {"mean", "std"} <= told.keys():
        return None
    try:
        known = Preprocess(mean=told["mean"], std=told["std"])
    except (TypeError, ValueError) as error:
        raise ConfigError(f"--weights {path}: {error}") from None
    return known.mean, known.std


def read_model_name(path: str) -> str:
    """--model of the run that a checkpoint of this project is of; "" for any other file."""
    file = _file(path)
    content = None if file.suffix == ".safetensors" else _read_torch(file)
    told = content.get("model") if isinstance(content, Mapping) else None
    name = told.get("name") if isinstance(told, Mapping) else None
    return name if isinstance(name, str) else ""


def _file(path: str) -> Path:
    file = expanded(path)
    if (file / BEST_NAME).is_file():
        file = file / BEST_NAME
    if not file.is_file():
        what, folder = "does not exist", file.parent
        if file.is_dir():
            what, folder = f"holds no {BEST_NAME}", file
        otherwise = "give a .pth, .pt or .safetensors file, or the folder of a run"
        raise ConfigError(f"--weights {path} {what}; {name_a_run(folder, otherwise, BEST_NAME)}")
    if holds_packed(file):
        raise ConfigError(
            f"--weights {path} holds packed images, and no weights; give a .pth, .pt or "
            ".safetensors file, or the folder of a run, and the images with --data"
        )
    return file


def _read_safetensors(file: Path) -> Any:
    try:
        from safetensors.torch import load_file
    except ImportError as error:
        raise MissingPackageError(
            f'--weights {file} needs safetensors: pip install "headrace[safetensors]" ({error})'
        ) from None
    try:
        return load_file(file)
    except Exception as error:  # its errors are of a kind of its own
        raise ConfigError(f"--weights {file} is damaged: {one_line(error)}") from None


def _read_torch(file: Path) -> Any:
    try:
        return read_torch_file(file, legacy=True)
    except NotPlainError:
        raise ConfigError(
            f"--weights {file} holds more than tensors, and code of a file is not run; save "
            "the state dict alone: torch.save(model.state_dict(), FILE)"
        ) from None
    except (OSError, ValueError) as error:
        reason = reason_of(error)
        raise ConfigError(
            f"--weights {file} is damaged, or no file of torch.save: {reason}"
        ) from None


def _tensors(content: Any) -> dict[str, Tensor] | None:
    """The state dict in what a file holds; None if there is none."""
    if not isinstance(content, Mapping):
        return None
    if content and all(isinstance(value, Tensor) for value in content.values()):
        return dict(content)
    for key in _CONTAINERS:
        inner = content.get(key)
        if isinstance(inner, Mapping) and all(isinstance(v, Tensor) for v in inner.values()):
            return dict(inner) or None
    return None
