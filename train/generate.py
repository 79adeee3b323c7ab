#!/usr/bin/env python3
"""Train a generator of labelled images, draw from it, and compare what it draws with real images.

    train/generate.py fit --data food11.beton --size 32 --epochs 100
    train/generate.py fit --resume runs/food11-flow-1 --epochs 150
    train/generate.py draw runs/food11-flow-1 made.beton --per-class 200
    train/generate.py judge made.beton --data food11.beton --judge runs/food11-resnet18-strided-1
    train/run.py --data food11.beton made.beton:0.3

Made-up images count only where they raise accuracy on real ones: see docs/generative.md.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from tyro.conf import arg

from headrace.pipeline.command_line import called, run_command
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flags import parse
from headrace.pipeline.json_file import JsonFile, check_json, write_json
from headrace.pipeline.outliving import outliving_readers
from headrace.train.folder.run_folder import LOG_NAME
from headrace.train.generating.continuing import earlier_settings
from headrace.train.generating.draw import draw
from headrace.train.generating.draw_settings import DrawConfig
from headrace.train.generating.fit import fit
from headrace.train.generating.judging import JudgeConfig, judge
from headrace.train.generating.settings import FitConfig
from headrace.train.reporting.run_log import read_log
from headrace.train.reporting.write import write_of_generator
from headrace.train.settings.words import peek

_USAGE = """usage: {command} fit --data FILE ...
       {command} draw RUN OUT.beton ...
       {command} judge MADE.beton --data FILE --judge CLASSIFIER ...

  fit    train a generator of labelled images on packed ones
  draw   draw labelled images from it into a .beton file
  judge  compare them with real ones, as a classifier sees them

{command} STEP --help says more"""


@dataclass(frozen=True, kw_only=True)
class FitCommand:
    """Train a generator of labelled images on packed ones."""

    fit: Annotated[FitConfig, arg(name="")] = field(default_factory=FitConfig)
    json: JsonFile = None
    """Write the run folder, and the last row of its log, here."""


@outliving_readers()
def main() -> None:
    """Command line; see the module's text."""
    command = called("generate")
    words = sys.argv[1:]
    steps: dict[str, Callable[[], object]] = {
        "fit": lambda: _fit(_read_fit(f"{command} fit", words[1:])),
        "draw": lambda: draw(parse(DrawConfig, f"{command} draw", words[1:])),
        "judge": lambda: judge(parse(JudgeConfig, f"{command} judge", words[1:])),
    }
    if words and words[0] in steps:
        steps[words[0]]()
    elif set(words) & {"-h", "--help"}:
        print(_USAGE.format(command=command))
    else:
        said = f"{words[0]!r} is no step" if words else "nothing to do"
        raise ConfigError(f"{said}: expected fit, draw or judge (see {command} --help)")


def _read_fit(command: str, words: Sequence[str]) -> FitCommand:
    """The flags, on top of what is in --resume: given ones count, whether usual or not."""
    resumed = peek(words, "--resume")
    base = FitCommand(fit=earlier_settings(resumed)) if resumed else None
    return parse(FitCommand, command, words, base)


def _fit(given: FitCommand) -> None:
    config = given.fit
    check_json(given.json)
    folder = fit(config)
    if given.json is not None:
        rows, _ = read_log(folder / LOG_NAME)
        write_json(given.json, {"run": folder, **(rows[-1] if rows else {})})
    if config.report:
        write_of_generator(folder, config.device)


if __name__ == "__main__":
    run_command(main)
