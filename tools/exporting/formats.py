"""Formats by the end of a file's name: one file is one of them.

Each module defines `check_installed(writes)`, `write(file, network, description)` and
`read(path, own) -> Opened`.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from headrace.pipeline.errors import ConfigError

FORMATS = {
    ".onnx": "headrace.tools.exporting.onnx_file",
    ".pt2": "headrace.tools.exporting.program_file",
    ".safetensors": "headrace.tools.exporting.weights_only_file",
}


def format_of(path: Path) -> Any:
    """The module of a file's format.

    Raises:
        ConfigError: for any other name.
    """
    if path.suffix not in FORMATS:
        raise ConfigError(f"{path}: expected a name that ends in {', '.join(FORMATS)}")
    return importlib.import_module(FORMATS[path.suffix])
