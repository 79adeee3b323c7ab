#!/usr/bin/env python3
"""Draw what the model will see: rows are samples, columns are draws, a block for each recipe, and
beside it what evaluation makes of the same samples.

    tools/preview.py food11.beton
    tools/preview.py food11.beton --recipe report trivial strong --out preview.png
    tools/preview.py food11.beton --geometry squash
    tools/preview.py --run runs/food11-report --out preview.png

Pixels come from the augmenter that training calls, after normalisation, and are shown as numbers:
middle gray is 0, black -2.5, white +2.5. So a wrong normalisation is seen at a glance, and so is
an evaluation that changes from draw to draw. Under the images stands their class, of a recipe that
mixes each class with its share.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import yaml
from tyro.conf import Positional, arg

from headrace.augment import Preprocess, Recipe, build_augmenter
from headrace.pipeline.checking import value_text
from headrace.pipeline.command_line import called, run_command
from headrace.pipeline.crops.settings import CropConfig, GeometryName, Size
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flags import check_given, parse
from headrace.pipeline.flat_settings import with_values
from headrace.pipeline.json_file import JsonFile, check_json, write_json
from headrace.pipeline.loaders.reference import reference_batch
from headrace.pipeline.output_files import check_ending, make_place
from headrace.pipeline.plan import make_plan
from headrace.pipeline.records import Records
from headrace.pipeline.split_names import split_called
from headrace.pipeline.yaml_text import read_yaml
from headrace.tools.preview_sheet import LEGEND, Block, draw_sheet
from headrace.train.data.geometry import settle_crop
from headrace.train.data.normalisation import make_preprocess
from headrace.train.folder.checkpoint import load_checkpoint
from headrace.train.settings.config import RunConfig
from headrace.train.settings.config_file import from_flat


@dataclass(frozen=True, kw_only=True)
class PreviewSettings:
    """Draw what the model will see: a row a sample, a column a draw, evaluation's view first."""

    data: Annotated[str, Positional, arg(metavar="[DATA]", help_behavior_hint="")] = ""
    """.beton, shards or image folder."""
    run: Annotated[str, arg(metavar="RUN", help_behavior_hint="")] = ""
    """Run folder or checkpoint: its own settings."""
    recipe: Annotated[
        tuple[str, ...] | None, arg(metavar="R ...", help_behavior_hint="(default: the run's)")
    ] = None
    """Names or YAML lists."""
    split: Annotated[
        str | None, arg(metavar="NAME", help_behavior_hint="(default: the training split)")
    ] = None
    """Whose samples are drawn."""
    samples: Annotated[int, arg(metavar="N")] = 4
    """Rows."""
    draws: Annotated[int, arg(metavar="N")] = 6
    """Columns."""
    size: Annotated[Size | None, arg(metavar="PX", help_behavior_hint="")] = None
    """Without --run: side of the images, by default as in training."""
    geometry: Annotated[GeometryName | None, arg(help_behavior_hint="")] = None
    """Without --run: how training and evaluation cut, by default as in training."""
    seed: Annotated[int | None, arg(metavar="N", help_behavior_hint="(default: 0)")] = None
    """Without --run: of the draws."""
    out: Annotated[Path, arg(metavar="F")] = Path("preview.png")
    """PNG to write."""
    json: JsonFile = None
    """Write mean and deviation of what was drawn here."""

    def __post_init__(self) -> None:
        check_given(self, "recipe")
        for name in ("size", "geometry", "seed"):
            if self.run and getattr(self, name) is not None:
                raise ConfigError(
                    f"--{name} beside --run: a run is shown with its own; leave it out"
                )
        for name in ("samples", "draws"):
            if not 1 <= getattr(self, name) <= 64:
                raise ConfigError(f"--{name} {getattr(self, name)}: expected 1 to 64")
        check_ending(self.out, "--out", ".png")


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What is previewed: the records and how a run would treat them.

    Attributes:
        records: open records.
        config: the run's settings, or defaults with the flags in them.
        preprocess: as the run or its checkpoint has it.
    """

    records: Records
    config: RunConfig
    preprocess: Preprocess


def _subject(
    data: str, run: str, size: Size | None, seed: int, geometry: str | None = None
) -> Subject:
    if run:
        checkpoint = load_checkpoint(run)
        config = from_flat(checkpoint["config"], run)
        preprocess = Preprocess.from_dict(checkpoint["preprocess"])
        return Subject(
            records=Records.open(data or config.data.data), config=config, preprocess=preprocess
        )
    if not data:
        raise ConfigError(
            "expected DATA or --run RUN: give a .beton file, an image folder, or a run folder"
        )
    records = Records.open(data)
    given = {"data": data, "seed": seed, "size": size, "geometry": geometry}
    config = settle_crop(with_values(RunConfig(), given), records, print)
    return Subject(
        records=records,
        config=config,
        preprocess=make_preprocess(config.model, config.data.crop, records),
    )


def draw_batch(
    subject: Subject, chosen: np.ndarray, indices: np.ndarray, epoch: int, train: bool
) -> torch.Tensor:
    """The chosen samples as the loaders would hand them over in one epoch.

    Boxes and flips are the plan's, pixels those of the reference that every loader is held to.

    Returns:
        (B, 3, H, W) uint8, channels_last.
    """
    records = subject.records
    run = subject.config
    # Side by side, draws have one size: of --size-schedule the last.
    data = dataclasses.replace(run.data, crop=run.data.crop.at_last())
    config = data.plan(train, run.optim.epochs, run.runtime.seed)
    plan = make_plan(records.heights, records.widths, chosen, config, epoch, stored=records.levels)
    place = {int(index): i for i, index in enumerate(plan.indices)}
    places = [place[index] for index in indices.tolist()]
    return reference_batch(records, plan, places, plan.shape)


def make_block(
    subject: Subject,
    title: str,
    recipe: Recipe,
    chosen: np.ndarray,
    indices: np.ndarray,
    draws: int,
    train: bool = True,
) -> Block:
    """Several draws of the same samples through one recipe."""
    names = subject.records.manifest.classes
    labels = torch.from_numpy(subject.records.labels[indices])
    aug = build_augmenter(
        recipe,
        num_classes=max(len(names), int(labels.max()) + 1, 1),
        seed=subject.config.runtime.seed,
        preprocess=subject.preprocess,
    )
    images, captions = [], []
    for draw in range(draws):
        batch = draw_batch(subject, chosen, indices, draw, train)
        out, targets = aug(batch, labels)
        images.append(out.permute(0, 2, 3, 1).numpy())
        captions.append([caption(target, names) for target in targets])
    values = np.stack(images)
    alarm = ""
    if not train and not all(np.array_equal(values[0], other) for other in values[1:]):
        alarm = "EVALUATION CHANGES FROM DRAW TO DRAW"
    return Block(title=title, values=values, captions=captions, alarm=alarm)


def caption(target: torch.Tensor, names: Sequence[str]) -> str:
    """What stands under an image.

    Args:
        target: a label, or of a recipe that mixes the shares of the classes.
        names: of the classes.

    Returns:
        A class name, or every share, largest first, also where one class has it all: the image may
        have been replaced by its partner.
    """

    def name(label: int) -> str:
        return names[label] if 0 <= label < len(names) else "no label" if label < 0 else str(label)

    if target.ndim == 0:
        return name(int(target))
    shares, classes = target.sort(descending=True)
    found = [(float(s), name(int(c))) for s, c in zip(shares, classes, strict=True) if s > 0.005]
    return " + ".join(f"{share:.0%} {name}" for share, name in found)


def _split(given: PreviewSettings, subject: Subject) -> str | None:
    """Whose samples to draw: what is asked, a run's own, or without a run `train` where it is."""
    own = subject.config.data.train_split
    if given.split or given.run:
        return given.split or own
    return split_called(own, subject.records.splits)


def choose(chosen: np.ndarray, labels: np.ndarray, count: int, seed: int) -> np.ndarray:
    """(count,) record indices, of as many classes as there are."""
    order = np.random.Generator(np.random.Philox(key=seed)).permutation(chosen)
    _, first = np.unique(labels[order], return_index=True)
    rest = np.setdiff1d(np.arange(len(order)), first)
    picked = np.concatenate([np.sort(first), rest])[:count]
    return order[picked]


def cut_line(crop: CropConfig) -> str:
    """How both sides cut, in a line."""
    sizes = (crop.shape(train=True), crop.shape(train=False))
    train, evaluation = ("x".join(map(str, shape)) for shape in sizes)
    return (
        f"training: {crop.mode(train=True)} at {train} px; "
        f"evaluation: {crop.mode(train=False)} at {evaluation} px"
    )


def _recipes(given: Sequence[str], default: Any) -> list[tuple[str, Recipe]]:
    """Titles and recipes; a word that is a YAML list is a recipe of its own."""
    found: list[tuple[str, Recipe]] = []
    for word in given or [default]:
        recipe = _listed(word) if isinstance(word, str) and word[:1] == "[" else word
        text = (
            recipe
            if isinstance(recipe, str)
            else yaml.safe_dump(recipe, default_flow_style=True, width=1000).strip()
        )
        found.append((f"training, recipe {' '.join(str(text).split())}", recipe))
    return found


def _listed(word: str) -> Any:
    try:
        return read_yaml(word)
    except ValueError as error:
        raise ConfigError(f"--recipe {value_text(word)} is not a YAML list: {error}") from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; see the module's text."""
    given = parse(PreviewSettings, called("preview"), arguments)
    check_json(given.json)
    make_place(given.out, "--out")
    subject = _subject(given.data, given.run, given.size, given.seed or 0, given.geometry)
    with subject.records as records:
        chosen = records.select(_split(given, subject))
        indices = choose(chosen, records.labels, given.samples, subject.config.runtime.seed)
        evaluation = make_block(
            subject,
            "evaluation: what validation and prediction see",
            "none",
            chosen,
            indices,
            3,
            train=False,
        )
        recipes = _recipes(given.recipe or (), subject.config.model.recipe)
        training = [
            make_block(subject, title, recipe, chosen, indices, given.draws)
            for title, recipe in recipes
        ]
        names = [records.name(int(i)) for i in indices]
        draw_sheet([(evaluation.shortened(), block) for block in training], names, given.out)
    told = [block.told() for block in (evaluation, *training)]
    write_json(given.json, {"out": given.out, "samples": names, "blocks": told})
    print(cut_line(subject.config.data.crop))
    for block in (evaluation, *training):
        print(f"{block.title}: {block.summary()}{'  ' + block.alarm if block.alarm else ''}")
    print(LEGEND)
    print(f"wrote {given.out}")
    if not given.run:
        named = given.recipe or ()
        recipe = ["--recipe", *named] if len(named) == 1 else []  # of several none is chosen
        print(f"next: {called('train', '--data', Path(given.data), *recipe)}")
    return 0


if __name__ == "__main__":
    run_command(main)
