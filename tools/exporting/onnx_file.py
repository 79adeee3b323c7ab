"""ONNX: for onnxruntime and whatever else reads it. Format: onnx.ai, the ModelProto.

What the file says of itself is in its `metadata_props`.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

import numpy as np

from headrace.pipeline.errors import ConfigError, FailedError, MissingPackageError
from headrace.pipeline.installed import is_installed
from headrace.pipeline.wording import one_line
from headrace.tools.exporting.description import Description
from headrace.tools.exporting.network import INPUT, OUTPUTS, WholeNetwork
from headrace.tools.exporting.opened import Opened
from headrace.tools.exporting.program import AXES, exporting, program_of

LIMIT_BYTES = 2**31 - 1
"""Of a protocol buffer; larger models need files beside the file."""


def check_installed(writes: bool) -> None:
    """Refuses to begin without what it takes.

    Raises:
        MissingPackageError: naming the extra.
    """
    needed = ("onnx", "onnxscript", "onnxruntime") if writes else ("onnxruntime",)
    missing = [name for name in needed if not is_installed(name)]
    if missing:
        raise MissingPackageError(
            f'.onnx needs {", ".join(missing)}: pip install "headrace[export]"'
        )


def write(file: IO[bytes], network: WholeNetwork, description: Description) -> None:
    """Writes the network into an open file.

    Raises:
        FailedError: if the model cannot be exported, or is too large.
    """
    import torch

    program = program_of(network)
    with exporting("torch.onnx"):
        made: Any = torch.onnx.export(
            program, (), None, input_names=[INPUT], output_names=list(OUTPUTS), verbose=False
        )
        proto = made.model_proto
    if proto.ByteSize() > LIMIT_BYTES:
        raise FailedError(
            f"the model takes {proto.ByteSize() / 2**30:.1f} GiB, of which a single .onnx file "
            "holds 2; write .pt2 or .safetensors"
        )
    _name_axes(proto)
    for name, value in description.to_strings().items():
        proto.metadata_props.add(key=name, value=value)
    file.write(proto.SerializeToString())


def read(path: Path, own: str) -> Opened:
    """Opens a file on the CPU.

    Args:
        path: the file.
        own: not needed, as the graph is in the file.

    Raises:
        ConfigError: if it is damaged or no export.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # its errors are of kinds of their own
        reason = one_line(error, 300)
        raise ConfigError(f"{path} cannot be opened as ONNX: {reason}") from None
    values = session.get_modelmeta().custom_metadata_map

    def answer(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        logits, probabilities = session.run(list(OUTPUTS), {INPUT: images})
        return logits, probabilities

    return Opened(Description.from_strings(values, path), answer)


def _name_axes(proto: Any) -> None:
    """Calls the free axes what they are; torch numbers them."""
    given = proto.graph.input[0].type.tensor_type.shape.dim
    names = {dim.dim_param: name for dim, name in zip(given, AXES, strict=False)}
    for value in [*proto.graph.input, *proto.graph.output, *proto.graph.value_info]:
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param in names:
                dim.dim_param = names[dim.dim_param]
