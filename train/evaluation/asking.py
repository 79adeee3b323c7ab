"""What evaluating and predicting are told alike: which models, on which samples, how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.loaders.settings import LoaderName, Workers
from headrace.pipeline.output_files import check_apart
from headrace.train.evaluation.ensemble import Ensemble
from headrace.train.folder.run_folder import OWN_NAMES


@dataclass(frozen=True, kw_only=True)
class AskConfig:
    """Which models are asked, and how."""

    paths: Annotated[
        tuple[str, ...],
        Positional,
        arg(metavar="CHECKPOINT [CHECKPOINT ...] DATA", help_behavior_hint=""),
    ]
    """best.pt or last.pt (a run folder stands for its best.pt), several for an ensemble; and then
    the .beton file, WebDataset shards or image folder."""
    ensemble: Ensemble = "probs"
    """What several checkpoints become: the mean of their probabilities, that of their logits, votes
    (of which equally many are decided by the mean), or a mean of probabilities whose weights are
    fitted on --fit-split."""
    fit_split: str = "val"
    """Labelled samples on which --ensemble fitted weighs the checkpoints; none of them may be in
    --split."""
    model: Annotated[str, arg(metavar="FILE.py:FUNCTION", help_behavior_hint="")] = ""
    """Where the file of a model of your own is now, and that it is to be taken as it is; by default
    where it was in training, and unchanged."""
    loader: LoaderName = "auto"
    """Which decoder feeds the model."""
    batch_size: int = 256
    """Samples per forward pass."""
    workers: Annotated[Workers, arg(help_behavior_hint="")] = None
    """Decoding threads or processes; by default one per core at hand."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    amp: Literal["run", "auto", "bf16", "fp16", "off"] = "run"
    """Mixed precision as in training; run: off where the checkpoint's own run had it off, else
    auto."""

    def __post_init__(self) -> None:
        if len(self.paths) < 2:
            raise ConfigError(
                f"expected CHECKPOINT and DATA, got {' '.join(self.paths) or 'neither'}; "
                "name a run folder (or several) and then the data"
            )

    @property
    def checkpoints(self) -> tuple[str, ...]:
        return self.paths[:-1]

    @property
    def data(self) -> str:
        return self.paths[-1]

    def check_outputs(self, files: Mapping[str, str]) -> None:
        """Refuses files, by their flags, that would replace each other, the data or a run's.

        Raises:
            ConfigError: naming both.
        """
        own = [str(Path(place) / name) for place in self.checkpoints for name in OWN_NAMES]
        check_apart(files, [*self.paths, *own])
