"""The page of a generator, or of several beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from headrace.pipeline.data_files import short_words
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flat_settings import flag_of, to_flat
from headrace.train.generating.settings import FitConfig
from headrace.train.reporting.asked import DrawnConfig, ReportConfig
from headrace.train.reporting.generators import (
    grid,
    judgement,
    losses,
    neighbours,
    overview,
    several,
)
from headrace.train.reporting.generators.log import read_generator_run
from headrace.train.reporting.generators.material import (
    GeneratorSubject,
    Limits,
    draw,
    find_near,
    look,
)
from headrace.train.reporting.page import render
from headrace.train.reporting.sections import run_settings, surroundings

_OF_CLASSIFIERS = ("layer", "points", "model", "preset", "workers")


def generator_page(folders: Sequence[Path], asked: ReportConfig, limits: Limits) -> bytes:
    """A page of one run folder of a generator, or of several.

    Raises:
        HeadraceError: if what was asked for by name cannot be done.
    """
    check_asked(asked, _OF_CLASSIFIERS, f"{folders[0]} is a generator's")
    logs = [read_generator_run(folder) for folder in folders]
    if len(logs) > 1:
        return several.page(logs)
    with ExitStack() as resources:
        return _one(look(logs[0], asked, limits, resources))


def check_asked(asked: ReportConfig, foreign: Sequence[str], why: str) -> None:
    """Refuses settings that are of the other kind of runs.

    Args:
        asked: what the user wants.
        foreign: names of such settings.
        why: which run is of which kind.

    Raises:
        ConfigError: naming the flag.
    """
    given, usual = to_flat(asked), to_flat(ReportConfig())
    for name in foreign:
        if given[name] != usual[name]:
            raise ConfigError(f"{flag_of(name)} does nothing here: {why}; leave it out")


OF_GENERATORS = tuple(to_flat(DrawnConfig()))
"""Settings that say nothing of a classifier."""


def _one(subject: GeneratorSubject) -> bytes:
    log = subject.log
    drawn = draw(subject)
    near = find_near(subject, drawn)
    made = (
        losses.make(subject),
        grid.make(subject, drawn),
        neighbours.make(subject, drawn, near),
        judgement.make(drawn, near),
        run_settings.section(to_flat(log.config), to_flat(FitConfig()), "the defaults", "default"),
        surroundings.section(log.start, log.folder, log.config.data),
    )
    first = overview.make(subject, drawn, near)
    subtitle = f"Generator: {overview.in_words(log)}, on {short_words(log.config.data)}"
    if log.told is not None:
        subtitle += f", {len(log.told['classes'])} classes"
    return render(log.name, subtitle, [first, *(part for part in made if part is not None)])
