"""A model from a user's own file: `FILE.py:function`.

The function (or class) is called with those of `num_classes`, `size` and `dropout` that it names,
and returns a module from (B, 3, size, size) to (B, num_classes).
"""

from __future__ import annotations

import inspect
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flat_settings import nearest
from headrace.pipeline.wording import one_line
from headrace.train.models.head import check_outputs
from headrace.train.models.places import hash_of, own_file_parts, read_source
from headrace.train.models.spec import ModelSpec


def build(spec: ModelSpec) -> nn.Module:
    """Runs the file and calls its function.

    Raises:
        ConfigError: if the file cannot be run or is another than when the weights were saved, or
            its function does not give such a model.
    """
    found = own_file_parts(spec.name)
    assert found is not None
    path, name = found
    source = read_source(path, name)
    now = hash_of(source)
    if spec.code and now != spec.code:
        raise ConfigError(
            f"{path} has changed since these weights were saved (hash {spec.code}, now {now}); put "
            f"it back, or say --model {spec.name} to take it as it is"
        )
    with _folder_importable(path.parent):
        function = _function(_run(path, source, now), path, name)
        keywords = _keywords(function, spec)
        try:
            model = function(**keywords)
        except Exception as error:  # whatever a user's code raises
            raise ConfigError(f"--model {spec.name} failed: {_said(error, path)}") from None
        if not isinstance(model, nn.Module):
            raise ConfigError(
                f"--model {spec.name} returned a {type(model).__name__}, expected a torch.nn.Module"
            )
        check_outputs(model, spec)
    return model


def _run(path: Path, source: bytes, key: str) -> ModuleType:
    """The file as a module, run once for each content.

    Compiled from what was hashed: kept bytecode goes by time and size, and could be older.
    """
    name = f"headrace_own_model_{path.stem}_{key}"
    if name in sys.modules and sys.modules[name].__file__ == str(path):
        return sys.modules[name]
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module  # where dataclasses and torch.compile look for it
    try:
        exec(compile(source, str(path), "exec"), module.__dict__)
    except Exception as error:
        del sys.modules[name]
        raise ConfigError(f"{path} cannot be run: {_said(error, path)}") from None
    return module


def _function(module: ModuleType, path: Path, name: str) -> Callable[..., Any]:
    found = getattr(module, name, None)
    if callable(found):
        return found
    known = {
        key: value
        for key, value in vars(module).items()
        if callable(value) and getattr(value, "__module__", "") == module.__name__
    }
    hint = nearest(name, known) if known else "it defines none"
    raise ConfigError(f"{path} has no function {name!r}; {hint}")


def _keywords(function: Callable[..., Any], spec: ModelSpec) -> dict[str, Any]:
    """What the function is called with."""
    offered = {"num_classes": spec.num_classes, "size": spec.size, "dropout": spec.dropout}
    parameters = inspect.signature(function).parameters
    needed = [
        name
        for name, parameter in parameters.items()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    unknown = [name for name in needed if name not in offered]
    if unknown or "num_classes" not in parameters:
        wrong = f"needs {', '.join(unknown)}" if unknown else "takes no num_classes"
        raise ConfigError(
            f"--model {spec.name} {wrong}: expected a function of num_classes and, where it wants "
            "them, size and dropout"
        )
    if spec.dropout and "dropout" not in parameters:
        raise ConfigError(f"--dropout: {spec.name} takes no dropout; leave it out, or add it there")
    return {name: value for name, value in offered.items() if name in parameters}


def _said(error: Exception, path: Path) -> str:
    """What was raised, and at which line of the file."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(path)]
    if isinstance(error, SyntaxError):
        lines = [error.lineno]
    place = f" (line {lines[-1]})" if lines else ""
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{type(error).__name__}: {one_line(text, 200)}{place}"


@contextmanager
def _folder_importable(folder: Path) -> Iterator[None]:
    """Meanwhile the file may import what stands beside it, as a script may."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
