#!/usr/bin/env python3
"""Training speed end to end: with each loader, and beside other people's whole trainers.

    bench/training.py                                       a small set drawn for the purpose
    bench/training.py --data photos.beton --model torchvision:resnet18 --size 128
    bench/training.py --data photos.beton photos-levels.beton --folder photos --loaders none

Loaders: training with each, in turn with the same steps on one batch that is on the device already.
Trainers, where --folder is given: ours on every --data, then timm, torchvision's recipe, Lightning
and the course script on the same photos in class folders, whole epochs in turn. Each has a process
of its own and is warmed up; the table has medians and the distance between the quartiles.
"""

import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import arg

from headrace.bench.core.flag_values import OutFile, check_seconds, names
from headrace.bench.core.result_file import command_line, write_json
from headrace.bench.core.tables import table
from headrace.bench.end_to_end import compare_loaders as loaders_part
from headrace.bench.end_to_end import compare_trainers as trainers_part
from headrace.bench.end_to_end.comparison import Compared, class_counts
from headrace.bench.end_to_end.paired_steps import SETTLING
from headrace.bench.end_to_end.timed_trainer import OURS, PEERS
from headrace.bench.loading.image_forms import ImageForms, warm_page_cache
from headrace.bench.loading.image_sets import ImageSet, folder_image_set, packed_image_set
from headrace.pipeline.command_line import EXIT_FAILED, called, run_command
from headrace.pipeline.cores import available_cores
from headrace.pipeline.device import resolve_device
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flags import check_given, check_least, parse
from headrace.pipeline.layouts.discovery import discover
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
        self.chosen_loaders()  # refuses unknown names
        resolve_device(self.device, "--device")
        for folder in (self.folder, self.scratch):
            if folder is not None and not folder.is_dir():
                raise ConfigError(f"{folder} is not a folder")
        if self.chosen_peers() and not self.model.startswith(trainers_part.MODEL_SOURCE):
            raise ConfigError(
                f"--model {self.model}: other trainers know none of ours; give "
                f"{trainers_part.MODEL_SOURCE}NAME, or --peers none"
            )

    def chosen_loaders(self) -> list[str]:
        """Loaders to train with."""
        return names(self.loaders, tuple(LOADERS), "--loaders")

    def chosen_peers(self) -> list[str]:
        """Trainers to stand beside; none without a folder."""
        found = names(self.peers, tuple(PEERS), "--peers", "peer:")
        return found if self.folder is not None else []

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


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; see the module's text."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    given = parse(TrainingSettings, called("bench training"), arguments)
    os.environ.setdefault("NUMBA_NUM_THREADS", str(max(given.workers, available_cores())))
    with tempfile.TemporaryDirectory(prefix="headrace-bench-", dir=given.scratch) as name:
        scratch = Path(name)
        forms, compared = ImageForms(scratch), given.compared(scratch)
        tree, photos = _tree(given, forms)
        sets = _packed(given, forms, scratch, tree)
        rows, unavailable = loaders_part.compare_loaders(sets, given.chosen_loaders(), compared)
        peers: list[dict[str, Any]] = []
        if tree is not None and photos is not None:
            peers, missing = _beside_others(given, sets, tree, photos, compared)
            unavailable += missing
    for columns, section in ((loaders_part.COLUMNS, rows), (trainers_part.COLUMNS, peers)):
        if section:
            print(table(section, columns), end="\n\n")
    for entry in unavailable:
        print(f"{entry.get('loader') or entry.get('trainer')} did not run: {entry['reason']}")
    if not rows and not peers:
        print("error: nothing could run", file=sys.stderr)
        return EXIT_FAILED
    if given.json:
        write_json(
            given.json,
            command=command_line("bench/training.py", arguments),
            rows=rows,
            unavailable=unavailable,
            **{"training-peers": peers},
        )
    return 0


def _tree(given: TrainingSettings, forms: ImageForms) -> tuple[Path | None, ImageSet | None]:
    """The photos' split as a tree of class folders, of links, and what it is a tree of."""
    if given.folder is None:
        return None, None
    photos = folder_image_set(given.folder, given.split, 0)
    tree = forms.folder(photos)
    if sum(1 for _ in tree.iterdir()) < 2:
        raise ConfigError(
            f"--folder {given.folder} has fewer than two classes to train on; "
            "put the photos into class folders"
        )
    return tree, photos


def _packed(
    given: TrainingSettings, forms: ImageForms, scratch: Path, tree: Path | None
) -> list[ImageSet]:
    """The packed files; without any the photos, or a small sample, are packed."""
    files = list(given.data or ())
    if not files:
        if tree is None:
            print("no --data: drawing a small sample data set", file=sys.stderr)
            tree = forms.sample(available_cores())
        named = scratch / "packed"
        named.symlink_to(tree)
        files = [forms.pack(named)]
    stems = [path.stem for path in files]
    if twice := sorted({stem for stem in stems if stems.count(stem) > 1}):
        raise ConfigError(f"--data has two files called {twice[0]}; the rows go by their names")
    return [packed_image_set(path, given.split, 0) for path in files]


def _beside_others(
    given: TrainingSettings,
    sets: Sequence[ImageSet],
    tree: Path,
    photos: ImageSet,
    compared: Compared,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The rows of whole trainers, and what could not run."""
    if not given.chosen_peers():
        return [], []
    wanted = class_counts([image_set.path for image_set in sets])
    if given.data:  # else they are packed of the tree, which may lack classes of other splits
        wanted[f"--folder {given.folder}"] = len(discover(photos.path).classes)
    if len(set(wanted.values())) > 1:
        told = ", ".join(f"{name} has {count} classes" for name, count in wanted.items())
        raise ConfigError(f"{told}: give the same photos")
    num_classes = next(iter(wanted.values()))
    warm_page_cache(tree)
    chosen = trainers_part.entrants(
        sets, tree, photos.images, num_classes, given.chosen_peers(), compared
    )
    same = loaders_part.run_settings(sets[0], OURS[0], compared)
    return trainers_part.compare_trainers(chosen, same, compared)


if __name__ == "__main__":
    run_command(main)
