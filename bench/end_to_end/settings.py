"""What bench/training.py is told, checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import arg

from headrace.bench.core.flag_values import (
    OutFile,
    check_out,
    check_seconds,
    check_seeds,
    names,
)
from headrace.bench.end_to_end.compare_trainers import MODEL_SOURCE
from headrace.bench.end_to_end.comparison import Compared
from headrace.bench.end_to_end.paired_steps import SETTLING
from headrace.bench.end_to_end.reach_accuracy import Asked
from headrace.bench.end_to_end.timed_trainer import PEERS
from headrace.pipeline.checking import check
from headrace.pipeline.cores import available_cores
from headrace.pipeline.device import resolve_device
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flags import check_given, check_idle, check_least
from headrace.pipeline.loaders import LOADERS


def _settling() -> int:
    """Workers of some loaders have two batches each ready or in the making."""
    return max(SETTLING, 3 * available_cores())


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """Training speed end to end: with each loader, and beside other people's whole trainers."""

    data: Annotated[tuple[Path, ...] | None, arg(metavar="F ...", help_behavior_hint="")] = None
    """.beton files; without any the folder is packed, or a small sample."""
    folder: Annotated[Path | None, arg(metavar="DIR", help_behavior_hint="")] = None
    """The same photos in class folders, for other people's trainers."""
    split: Annotated[str, arg(metavar="NAME")] = "train"
    """Whose samples are trained on."""
    loaders: Annotated[
        tuple[str, ...], arg(metavar="L ...", help=f"Of {', '.join(LOADERS)}; all or none.")
    ] = ("all",)
    peers: Annotated[
        tuple[str, ...], arg(metavar="P ...", help=f"Of {', '.join(PEERS)}; all or none.")
    ] = ("all",)
    model: str = "torchvision:resnet18"
    """As in training; beside --peers one of torchvision's that timm calls the same."""
    size: Annotated[int, arg(metavar="PX")] = 128
    """Side of the crops."""
    batch_size: Annotated[int, arg(metavar="N")] = 64
    """Images."""
    workers: Annotated[int, arg(metavar="N")] = field(default_factory=available_cores)
    """Threads or processes of each loader but the course script's."""
    device: str = "cpu"
    """Where training takes place: auto, cpu, cuda or cuda:N."""
    amp: Literal["auto", "bf16", "off"] = "auto"
    """Of all alike, by each one's own autocast; auto is bf16 on a GPU, float32 on a CPU."""
    epoch_images: Annotated[int, arg(metavar="N")] = 1024
    """Least images of an epoch; fewer are repeated."""
    repeats: Annotated[int, arg(metavar="N")] = 5
    """Measured runs of each."""
    min_seconds: Annotated[float, arg(metavar="S")] = 5
    """Of a run, at least."""
    settling: Annotated[int, arg(metavar="N")] = field(default_factory=_settling)
    """Steps before a loader's are timed, which use up what it has read ahead."""
    reach: Annotated[float | None, arg(metavar="ACCURACY", help_behavior_hint="")] = None
    """Instead: seconds of training until this much of --reach-split is right."""
    reach_split: Annotated[str, arg(metavar="NAME")] = "val"
    """Of the first --data."""
    reach_seeds: Annotated[tuple[int, ...], arg(metavar="N ...")] = (0, 1, 2)
    """Of the weights, the order and the crops."""
    most_seconds: Annotated[float, arg(metavar="S")] = 600
    """Of training, after whose epoch a trainer gives up reaching it."""
    out: Annotated[Path | None, arg(metavar="DIR", help_behavior_hint="")] = None
    """Folder for what each run with --reach has found; what is finished there is not done again."""
    scratch: Annotated[Path | None, arg(metavar="DIR", help_behavior_hint="")] = None
    """For temporary files."""
    json: OutFile = None
    """Write the results there."""

    def __post_init__(self) -> None:
        check_least(self, 0, "settling")
        check_least(self, 1, "size", "workers", "epoch_images", "repeats")
        check_least(self, 2, "batch_size")
        check_given(self, "data", "loaders", "peers")
        check_seconds("--min-seconds", self.min_seconds)
        check_out(self.out)
        self._check_reach()
        self.chosen_loaders()  # refuses unknown names
        resolve_device(self.device, "--device")
        for folder in (self.folder, self.scratch):
            if folder is not None and not folder.is_dir():
                raise ConfigError(f"{folder} is not a folder")
        if self.chosen_peers() and not self.model.startswith(MODEL_SOURCE):
            raise ConfigError(
                f"--model {self.model}: other trainers know none of ours; give "
                f"{MODEL_SOURCE}NAME, or --peers none"
            )

    def _check_reach(self) -> None:
        if self.reach is None:
            idle = "reach_split", "reach_seeds", "most_seconds", "out"
            check_idle(self, "without --reach", *idle)
            return
        timed = "epoch_images", "repeats", "min_seconds", "settling"
        check_idle(self, "with --reach, which times trainers until they are there", *timed)
        if self.loaders != ("none",):
            check_idle(self, "with --reach, which times whole trainers", "loaders")
        check(0 < self.reach <= 1, "reach", self.reach, "above 0, at most 1")
        check(self.most_seconds > 0, "most_seconds", self.most_seconds, "above 0")
        check_seeds("reach_seeds", self.reach_seeds)
        if self.folder is None or not self.data:
            raise ConfigError(
                "--reach times whole trainers: give --data and, with --folder, the same photos "
                "in class folders"
            )

    def chosen_loaders(self) -> list[str]:
        """Loaders to train with; none where whole trainers are to reach an accuracy."""
        found = names(self.loaders, tuple(LOADERS), "--loaders")
        return found if self.reach is None else []

    def chosen_peers(self) -> list[str]:
        """Trainers to stand beside; none without a folder."""
        found = names(self.peers, tuple(PEERS), "--peers", "peer:")
        return found if self.folder is not None else []

    def asked(self) -> Asked | None:
        """What is to be reached, if anything."""
        if self.reach is None:
            return None
        return Asked(
            accuracy=self.reach,
            split=self.reach_split,
            most_s=self.most_seconds,
            seeds=self.reach_seeds,
            out=self.out,
        )

    def compared(self, scratch: Path) -> Compared:
        """How to measure."""
        device = resolve_device(self.device, "--device")
        on_gpu = "off" if device.type == "cpu" else "bf16"
        return Compared(
            model=self.model,
            size=self.size,
            batch_size=self.batch_size,
            workers=self.workers,
            device=str(device),
            amp=on_gpu if self.amp == "auto" else self.amp,
            epoch_images=self.epoch_images,
            repeats=self.repeats,
            min_s=self.min_seconds,
            settling=self.settling,
            scratch=scratch,
        )
