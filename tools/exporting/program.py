"""A network as torch.export sees it: the graph of which .pt2 and .onnx are made."""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from collections.abc import Iterator
from typing import Any

import torch

from headrace.pipeline.command_line import DEBUG
from headrace.pipeline.errors import FailedError, MissingPackageError
from headrace.tools.exporting.network import WholeNetwork

AXES = ("batch", "height", "width")
EXAMPLE = (2, 50, 60, 3)
FIRST_TORCH = (2, 6)


def program_of(network: WholeNetwork) -> Any:
    """The exported program, whose batch, height and width are free.

    Raises:
        FailedError: if the model does what cannot be exported.
        MissingPackageError: if this torch is too old.
    """
    version = tuple(int(part) for part in torch.__version__.split(".")[:2])
    if version < FIRST_TORCH:
        raise MissingPackageError(
            f"exporting a graph needs torch {'.'.join(map(str, FIRST_TORCH))} or newer, this is "
            f"{torch.__version__}; upgrade torch, or write .safetensors"
        )
    free = {axis: torch.export.Dim(name) for axis, name in enumerate(AXES)}
    with exporting("torch.export"), torch.no_grad():
        example = torch.zeros(EXAMPLE, dtype=torch.uint8)
        return torch.export.export(network, (example,), dynamic_shapes=(free,))


@contextlib.contextmanager
def exporting(what: str) -> Iterator[None]:
    """Meanwhile the exporters' own chatter is left out, and what they raise becomes one line.

    Args:
        what: carries it out, for the message.

    Raises:
        FailedError: with the first line of what it said.
    """
    before = logging.root.manager.disable
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            logging.disable(logging.WARNING)
            yield
    except Exception as error:  # of many kinds, and none of them the user's
        if os.environ.get(DEBUG) == "1":
            raise
        reason = next(filter(None, map(str.strip, str(error).splitlines())), type(error).__name__)
        raise FailedError(
            f"{what} cannot take this model: {reason[:300]} ({DEBUG}=1 shows all of it); "
            ".safetensors holds the weights of any model"
        ) from None
    finally:
        logging.disable(before)
