""".safetensors: the weights alone, for code of one's own; no graph and so no preprocessing.

What the file says of itself is in its header's `__metadata__`.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO

import numpy as np
import torch

from headrace.augment.preprocess import Preprocess
from headrace.pipeline.errors import ConfigError, HeadraceError, MissingPackageError
from headrace.pipeline.installed import is_installed
from headrace.pipeline.wording import one_line
from headrace.tools.exporting.description import Description
from headrace.tools.exporting.network import WholeNetwork
from headrace.tools.exporting.opened import Opened
from headrace.train.models.saved import saved_model


def check_installed(writes: bool) -> None:
    """Refuses to begin without what it takes.

    Raises:
        MissingPackageError: naming the extra.
    """
    if not is_installed("safetensors"):
        raise MissingPackageError(
            '.safetensors needs safetensors: pip install "headrace[safetensors]"'
        )


def write(file: IO[bytes], network: WholeNetwork, description: Description) -> None:
    """Writes the model's weights into an open file."""
    from safetensors.torch import save

    # Copies: the format knows no tensor that is another's view.
    weights = {
        name: value.detach().clone(memory_format=torch.contiguous_format)
        for name, value in network.model.state_dict().items()
    }
    file.write(save(weights, description.to_strings()))


def read(path: Path, own: str) -> Opened:
    """Opens a file and builds its model.

    Args:
        path: the file.
        own: where the file of a user's own model is now, as of `saved_model`.

    Raises:
        ConfigError: if it is damaged or no export, or its model cannot be built.
    """
    from safetensors import safe_open

    try:
        with safe_open(path, "pt") as file:
            values = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except Exception as error:  # its errors are of a kind of its own
        reason = one_line(error, 300)
        raise ConfigError(f"{path} cannot be opened as .safetensors: {reason}") from None
    said = Description.from_strings(values, path)
    try:
        model = saved_model({"model": said.model, "weights": weights}, own)
    except HeadraceError as error:
        raise ConfigError(f"{path}: {error}") from None
    network = WholeNetwork(model, Preprocess.from_dict(said.preprocess))

    def answer(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with torch.no_grad():
            logits, probabilities = network(torch.from_numpy(images))
        return logits.numpy(), probabilities.numpy()

    return Opened(said, answer)
