""".pt2: for torch.export.load, which needs torch and nothing of ours.

What the file says of itself is in its extra file of the name `EXTRA`, as JSON.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import IO

import numpy as np
import torch

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.wording import one_line
from headrace.tools.exporting.description import Description
from headrace.tools.exporting.network import WholeNetwork
from headrace.tools.exporting.opened import Opened
from headrace.tools.exporting.program import exporting, program_of

EXTRA = "headrace.json"


def check_installed(writes: bool) -> None:
    """All that it takes is torch."""


def write(file: IO[bytes], network: WholeNetwork, description: Description) -> None:
    """Writes the network into an open file.

    Raises:
        FailedError: if the model cannot be exported.
    """
    program = program_of(network)
    said = {EXTRA: json.dumps(asdict(description), ensure_ascii=False)}
    with exporting("torch.export"):
        torch.export.save(program, file, extra_files=said)


def read(path: Path, own: str) -> Opened:
    """Opens a file on the CPU.

    Args:
        path: the file.
        own: not needed, as the graph is in the file.

    Raises:
        ConfigError: if it is damaged or no export.
    """
    said: dict[str, str] = {EXTRA: ""}
    try:
        with path.open("rb") as file:
            module = torch.export.load(file, extra_files=said).module()
        values = json.loads(said[EXTRA] or "{}")
    except Exception as error:  # of many kinds, none of them told
        reason = one_line(error, 300)
        raise ConfigError(f"{path} cannot be opened as .pt2: {reason}") from None

    def answer(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with torch.no_grad():
            logits, probabilities = module(torch.from_numpy(images))
        return logits.numpy(), probabilities.numpy()

    return Opened(Description.from_dict(values, path), answer)
