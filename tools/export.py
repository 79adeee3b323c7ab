#!/usr/bin/env python3
"""Write a trained model into one file that needs nothing of this project, or compare such a file.

    tools/export.py runs/food11-resnet18-strided-1 food11.onnx
    tools/export.py runs/food11-resnet18-strided-1 food11.pt2
    tools/export.py runs/food11-resnet18-strided-1 food11.safetensors
    tools/export.py --check food11.onnx runs/food11-resnet18-strided-1

.onnx and .pt2 take the bytes of images of any size, and crop, resize and normalise them in their
graph as evaluation does. .safetensors holds the weights. What is written is opened again and
compared with the model before it gets its name. See docs/export.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from tyro.conf import Positional, arg

from headrace.pipeline.command_line import called, run_command
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flags import Flag, parse
from headrace.pipeline.json_file import JsonFile, check_json, write_json
from headrace.pipeline.output_files import check_writable, written
from headrace.pipeline.wording import counted
from headrace.tools.exporting.comparing import (
    Difference,
    compare,
    compare_with_itself,
    model_answers,
)
from headrace.tools.exporting.description import Description, describe, weights_hash
from headrace.tools.exporting.formats import FORMATS, format_of
from headrace.tools.exporting.network import WholeNetwork
from headrace.tools.exporting.trial_images import made_up_images, trials
from headrace.train.device.own_defaults import torch_defaults
from headrace.train.evaluation.members import Member, first_difference, only_member


@dataclass(frozen=True, kw_only=True)
class ExportConfig:
    """Write a trained model into one file that needs nothing of this project."""

    paths: Annotated[tuple[str, ...], Positional, arg(metavar="RUN OUT", help_behavior_hint="")]
    """A run folder, which stands for its best.pt, or a checkpoint; and the file to write, whose
    name ends in .onnx, .pt2 or .safetensors. With --check: such a file, and the run if it is
    there."""
    check: Flag = False
    """Write nothing; compare a file with the run, or with what it said when it was written."""
    data: Annotated[str, arg(metavar="DATA", help_behavior_hint="")] = ""
    """Record file with images to compare on; by default the run's own data, and made-up images
    alone where that is gone."""
    model: Annotated[str, arg(metavar="FILE.py:FUNCTION", help_behavior_hint="")] = ""
    """Where the file of a model of your own is now, and that it is to be taken as it is; by default
    where it was in training, and unchanged."""
    force: Flag = False
    """Replace a file that is there."""
    json: JsonFile = None
    """Write what the file holds, and how far it is from the model, here."""

    def __post_init__(self) -> None:
        given = " ".join(self.paths) or "nothing"
        if self.check:
            if len(self.paths) not in (1, 2):
                raise ConfigError(f"--check: expected FILE, or FILE RUN, got {given}")
        elif len(self.paths) > 2:
            raise ConfigError(
                f"expected one RUN and OUT, got {given}; a file holds one model, so an ensemble "
                "is exported run by run"
            )
        elif len(self.paths) < 2:
            raise ConfigError(
                f"expected RUN and OUT, got {given}; name a run folder and then a file that ends "
                f"in {', '.join(FORMATS)}"
            )
        format_of(self.file)

    @property
    def file(self) -> Path:
        """That is written or checked."""
        return Path(self.paths[0 if self.check else 1])

    @property
    def run(self) -> str:
        """Run folder or checkpoint, "" for none."""
        return "".join(self.paths[1:] if self.check else self.paths[:1])


@torch_defaults()
def export(config: ExportConfig) -> Difference:
    """Writes the file, if it says what the model says.

    Raises:
        HeadraceError: if it cannot be written, or differs.
    """
    out, form = config.file, format_of(config.file)
    check_writable(out, "OUT")
    if out.exists() and not config.force:
        raise ConfigError(f"{out} is there already; name another file, or replace it with --force")
    form.check_installed(writes=True)
    member = only_member(config.run)
    model = member.model(torch.device("cpu"), config.model).eval()
    images = trials(member, config.data)
    shape = member.preprocess.crop.shape(train=False)
    answers = [model_answers(model, member.preprocess, i[None]) for i in made_up_images(shape)]
    said = describe(member, np.concatenate(answers))
    with written(out) as file:
        form.write(file, WholeNetwork(model, member.preprocess), said)
        file.flush()
        opened = form.read(Path(file.name), config.model)
        found = compare(opened, model, member.preprocess, images.batches)
    print(f"wrote {out}: {told(said)}")
    print(compared(found, "the model's", images.origin))
    if views := member.views().tta:
        print(
            f"the run predicts with --tta {views}; the file sees each image once, as "
            f"{called('evaluate')} does"
        )
    return found


def check(config: ExportConfig) -> Difference:
    """Compares a file that is there.

    Raises:
        HeadraceError: if it cannot be opened, is of other weights, or differs.
    """
    path, form = config.file, format_of(config.file)
    if not path.is_file():
        raise ConfigError(f"{path} does not exist; name a file that {called('export')} wrote")
    form.check_installed(writes=False)
    opened = form.read(path, config.model)
    if not config.run:
        found = compare_with_itself(opened)
        origin = "made-up ones; name the run to compare with it"
        whose = "those when it was written"
    else:
        member = only_member(config.run)
        check_same(path, opened.description, member)
        model = member.model(torch.device("cpu"), config.model).eval()
        images = trials(member, config.data)
        found = compare(opened, model, member.preprocess, images.batches)
        origin, whose = images.origin, "the model's"
    print(f"{path}: {told(opened.description)}")
    print(compared(found, whose, origin))
    return found


def check_same(path: Path, said: Description, member: Member) -> None:
    """Refuses a run that the file is not of.

    Raises:
        ConfigError: naming what differs.
    """
    if different := first_difference(said.classes, member.classes):
        raise ConfigError(f"{path} and {member.place} have other classes: {different}")
    if said.preprocess != member.preprocess.to_dict():
        raise ConfigError(
            f"{path} was written for {said.preprocess}, {member.place} has "
            f"{member.preprocess.to_dict()}; export it again"
        )
    if said.weights != weights_hash(member.checkpoint["weights"]):
        epochs = counted(said.scores.get("epochs_done", 0), "epoch")
        raise ConfigError(
            f"{path} holds other weights than {member.place}: those after "
            f"{epochs} of the run {said.run}; export it again, or name that "
            "checkpoint"
        )


def told(said: Description) -> str:
    """What a file is, in a line."""
    accuracy = said.scores.get("accuracy")
    scored = "" if accuracy is None else f", accuracy {accuracy:.4g}"
    name = Path(str(said.model["name"])).name
    return f"{name} of the run {said.run}{scored}, {len(said.classes)} classes"


def compared(found: Difference, whose: str, origin: str) -> str:
    """What a comparison has found, in a line."""
    return (
        f"largest difference of its probabilities from {whose}: {found.largest:.2g} "
        f"({counted(found.num_images, 'image')}: {origin})"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line; see the module's text."""
    config = parse(ExportConfig, called("export"), arguments)
    check_json(config.json)
    found = (check if config.check else export)(config)
    write_json(config.json, {"file": config.file, "run": config.run, **found._asdict()})


if __name__ == "__main__":
    run_command(main)
