"""Starting from weights: of a local file, or a library's own; and saying what was taken of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import Tensor, nn

from headrace.pipeline.errors import ConfigError
from headrace.train.models.head import head_name
from headrace.train.models.spatial_transformer import behind
from headrace.train.models.spec import ModelSpec
from headrace.train.models.weights_file import read_model_name, read_weights

_SHOWN = 3


def take_weights(model: nn.Module, spec: ModelSpec, path: str) -> str:
    """Loads a file's weights into the model, without the head where the classes are others.

    Args:
        model: on the CPU.
        spec: what it was built from.
        path: .safetensors, or .pth, .pt with a state dict in it.

    Returns:
        A line that says what was taken, and what was not.

    Raises:
        ConfigError: if the file cannot be read, a weight has another shape, or some are not there.
    """
    found = read_weights(path)
    if not any(name.startswith("transformer.") for name in found):
        model = behind(model)  # a spatial transformer is new
    own = model.state_dict()
    name = head_name(model, spec.num_classes)
    head = {key for key in own if name is not None and key.startswith(f"{name}.")}
    differing = {key for key in own if key in found and own[key].shape != found[key].shape}
    dropped = head if head & differing or not head & found.keys() else set()
    _refuse_differing(differing - dropped, own, found, spec, path)
    _refuse_missing([k for k in own if k not in found and k not in dropped], own, found, path)
    taken = {key: value for key, value in found.items() if key in own and key not in dropped}
    model.load_state_dict(taken, strict=False)
    left = [key for key in found if key not in own]
    line = f"weights: {len(taken)} of the model's {len(own)} tensors taken from {path}"
    if dropped:
        there = next((f", of {len(found[k])} classes there" for k in head if k in found), "")
        line += f"; the head ({name}{there}) starts anew with {spec.num_classes} classes"
    if left:
        line += f"; not taken: {_some(left)}"
    return line


def published_line(model: nn.Module, spec: ModelSpec, num_classes: int) -> str:
    """What was taken of a library's own weights, which tell `num_classes`."""
    line = f"weights: the published ones of {spec.name}"
    if num_classes == spec.num_classes:
        return f"{line}, with their head of {num_classes} classes"
    name = head_name(behind(model), spec.num_classes)
    return (
        f"{line}; the head ({name}, of {num_classes} classes there) starts anew with "
        f"{spec.num_classes} classes"
    )


def _refuse_differing(
    keys: set[str],
    own: Mapping[str, Tensor],
    found: Mapping[str, Tensor],
    spec: ModelSpec,
    path: str,
) -> None:
    if keys:
        shapes = [
            f"{key} is {_shape(found[key])} there and {_shape(own[key])} here"
            for key in own
            if key in keys
        ]
        raise ConfigError(
            f"--weights {path} does not fit {spec.name}: {_some(shapes)}; take "
            f"{_their_model(path, 'the model and the size that the file was trained with')}"
        )


def _refuse_missing(
    missing: list[str], own: Mapping[str, Tensor], found: Mapping[str, Tensor], path: str
) -> None:
    # A count of batches seen is no weight, and files older than it lack it.
    missing = [key for key in missing if not key.endswith("num_batches_tracked")]
    if missing:
        raise ConfigError(
            f"--weights {path} lacks {len(missing)} of the model's {len(own)} tensors: "
            f"{_some(missing)}; it holds {_some(list(found))}; take "
            f"{_their_model(path, 'the model of these weights')}"
        )


def _their_model(path: str, else_: str) -> str:
    """What to take instead; the flag where the file tells its model."""
    name = read_model_name(path)
    return f"--model {name}, as the file says (and its --size)" if name else else_


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a number"


def _some(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
