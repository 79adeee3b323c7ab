#!/usr/bin/env python3
"""Training speed end to end: with each loader, and beside other people's whole trainers.

    bench/training.py                                       a small set drawn for the purpose
    bench/training.py --data photos.beton --model torchvision:resnet18 --size 128
    bench/training.py --data photos.beton photos-levels.beton --folder photos --loaders none
    bench/training.py --data food.beton --folder food --reach 0.3 --reach-split test

Loaders: training with each, in turn with the same steps on one batch that is on the device already.
Trainers, where --folder is given: ours on every --data, then timm, torchvision's recipe, Lightning
and the course script on the same photos in class folders, whole epochs in turn. Each has a process
of its own and is warmed up; the table has medians and the distance between the quartiles.
With --reach these trainers are timed otherwise: until they classify --reach-split as well as that.
"""

import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from headrace.bench.core.flag_values import parse_bench
from headrace.bench.core.result_file import command_line, write_json
from headrace.bench.core.tables import table
from headrace.bench.end_to_end import compare_loaders as loaders_part
from headrace.bench.end_to_end import compare_trainers as trainers_part
from headrace.bench.end_to_end import reach_accuracy as reach_part
from headrace.bench.end_to_end.comparison import Compared, class_counts
from headrace.bench.end_to_end.settings import TrainingSettings
from headrace.bench.end_to_end.timed_trainer import OURS
from headrace.bench.loading.image_forms import ImageForms, warm_page_cache
from headrace.bench.loading.image_sets import ImageSet, folder_image_set, packed_image_set
from headrace.pipeline.class_names import class_names
from headrace.pipeline.command_line import EXIT_FAILED, run_command
from headrace.pipeline.cores import available_cores
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.layouts.discovery import discover
from headrace.pipeline.quiet import note
from headrace.pipeline.records import Records


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; see the module's text."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    given = parse_bench(TrainingSettings, "bench training", arguments)
    os.environ.setdefault("NUMBA_NUM_THREADS", str(max(given.workers, available_cores())))
    with tempfile.TemporaryDirectory(prefix="headrace-bench-", dir=given.scratch) as name:
        scratch = Path(name)
        forms, compared = ImageForms(scratch), given.compared(scratch)
        tree, photos = _tree(given, forms)
        sets = _packed(given, forms, scratch, tree)
        rows, unavailable = loaders_part.compare_loaders(sets, given.chosen_loaders(), compared)
        peers: list[dict[str, Any]] = []
        reached: list[dict[str, Any]] = []
        if tree is not None and photos is not None:
            asked = given.asked()
            if asked is not None:
                _check_held_out(sets, tree, photos, asked)
                chosen = _entrants(given, sets, tree, photos, replace(compared, epoch_images=1))
                reached, missing = reach_part.reach_accuracy(chosen, sets[0].path, asked, compared)
                unavailable += missing
            elif given.chosen_peers():
                chosen = _entrants(given, sets, tree, photos, compared)
                same = loaders_part.run_settings(sets[0], OURS[0], compared)
                peers, missing = trainers_part.compare_trainers(chosen, same, compared)
                unavailable += missing
    parts = ((loaders_part, rows), (trainers_part, peers), (reach_part, reached))
    for part, section in parts:
        if section:
            print(table(section, part.COLUMNS), end="\n\n")
    for entry in unavailable:
        print(f"{entry.get('loader') or entry.get('trainer')} did not run: {entry['reason']}")
    if not any(section for _, section in parts):
        print("error: nothing could run", file=sys.stderr)
        return EXIT_FAILED
    if given.json:
        write_json(
            given.json,
            command=command_line("bench/training.py", arguments),
            rows=rows,
            unavailable=unavailable,
            **{"training-peers": peers, "training-reach": reached},
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
            note("no --data: drawing a small sample data set")
            tree = forms.sample(available_cores())
        named = scratch / "packed"
        named.symlink_to(tree)
        files = [forms.pack(named)]
    stems = [path.stem for path in files]
    if twice := sorted({stem for stem in stems if stems.count(stem) > 1}):
        raise ConfigError(f"--data has two files called {twice[0]}; the rows go by their names")
    return [packed_image_set(path, given.split, 0) for path in files]


def _entrants(
    given: TrainingSettings,
    sets: Sequence[ImageSet],
    tree: Path,
    photos: ImageSet,
    compared: Compared,
) -> list[trainers_part.Entrant]:
    """Whole trainers on the same photos.

    Raises:
        ConfigError: if the files and the folder have different numbers of classes.
    """
    wanted = class_counts([image_set.path for image_set in sets])
    if given.data:  # else they are packed of the tree, which may lack classes of other splits
        wanted[f"--folder {given.folder}"] = len(discover(photos.path).classes)
    if len(set(wanted.values())) > 1:
        told = ", ".join(f"{name} has {count} classes" for name, count in wanted.items())
        raise ConfigError(f"{told}: give the same photos")
    num_classes = next(iter(wanted.values()))
    warm_page_cache(tree)
    return trainers_part.entrants(
        sets, tree, photos.images, num_classes, given.chosen_peers(), compared
    )


def _check_held_out(
    sets: Sequence[ImageSet], tree: Path, photos: ImageSet, asked: reach_part.Asked
) -> None:
    """Refuses a split that is trained on, and classes that are not those of the folder.

    Raises:
        ConfigError: saying what differs.
    """
    in_folder = list(discover(photos.path).classes)
    for image_set in sets:
        with Records.open(image_set.path) as records:
            if list(class_names(records)) != in_folder:
                raise ConfigError(
                    f"the classes of {image_set.path} and of --folder are other ones, or in "
                    "another order: pack that folder"
                )
            if image_set is sets[0]:
                trained = records.select(image_set.split)
                if np.intersect1d(trained, records.select(asked.split)).size:
                    raise ConfigError(
                        f"--reach-split {asked.split} is trained on: name a split of its own"
                    )
    # Peers number the classes by their folders.
    if sum(1 for _ in tree.iterdir()) < len(in_folder):
        raise ConfigError(f"some classes of --folder {photos.path} have no image to train on")


if __name__ == "__main__":
    run_command(main)
