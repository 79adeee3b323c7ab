"""From run folders to a report's file."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from headrace.pipeline.command_line import called
from headrace.pipeline.data_files import short_words
from headrace.pipeline.errors import ConfigError, HeadraceError
from headrace.pipeline.output_files import written
from headrace.pipeline.records import Records
from headrace.pipeline.wording import one_line
from headrace.train.folder.run_folder import REPORT_NAME
from headrace.train.reporting.asked import ReportConfig
from headrace.train.reporting.elements import Section
from headrace.train.reporting.generators.log import is_generator
from headrace.train.reporting.generators.material import Limits
from headrace.train.reporting.generators.page import OF_GENERATORS, check_asked, generator_page
from headrace.train.reporting.judged import judge, share_of_split
from headrace.train.reporting.names import short_names
from headrace.train.reporting.page import render
from headrace.train.reporting.plotting import check_plots
from headrace.train.reporting.run_log import RunLog, read_run, run_folders
from headrace.train.reporting.sections import (
    augmented,
    beside,
    calibration,
    comparison,
    confusion,
    curves,
    feature_map,
    mistakes,
    overlaid,
    per_class,
    run_settings,
    surroundings,
    suspects,
    verdict,
)
from headrace.train.reporting.subject import Subject
from headrace.train.settings.config import RunConfig
from headrace.train.state import Run

_AFTER_VERDICT: tuple[Callable[[Subject], Section | None], ...] = (
    curves.make,
    confusion.make,
    per_class.make,
    calibration.make,
    mistakes.make,
    suspects.make,
    augmented.make,
    feature_map.make,
    run_settings.make,
    surroundings.make,
)
AT_END_S = 60.0
"""How long the evaluation for the report at the end of a run may take, about."""
DRAWING_S, SEARCHED = 30.0, 10_000
"""How long a generator may draw for the report at the end of its training, about, and among how
many training images the nearest to drawn ones are looked for."""


def write_report(
    folders: Sequence[str | Path], out: Path, asked: ReportConfig, limits: Limits | None = None
) -> None:
    """Writes a page of one run, or of several beside each other: of classifiers or of generators.

    Args:
        folders: run folders, or folders of them.
        out: the file.
        asked: what the user wants.
        limits: what a generator's page may take; by default as much as it needs.

    Raises:
        HeadraceError: if one is no run folder, they are of both kinds, a package is missing, or
            the file cannot be written.
    """
    check_plots()
    found = [folder for place in folders for folder in run_folders(place)]
    generators = [folder for folder in found if is_generator(folder)]
    if generators and len(generators) < len(found):
        other = next(folder for folder in found if folder not in generators)
        raise ConfigError(
            f"{generators[0]} is a generator's run and {other} a classifier's; a page is of one "
            "kind: name runs of one alone"
        )
    if generators:
        page = generator_page(generators, asked, limits or Limits())
    else:
        page = _classifier_page(found, asked)
    with written(out) as file:
        file.write(page)


def _classifier_page(folders: Sequence[Path], asked: ReportConfig) -> bytes:
    check_asked(asked, OF_GENERATORS, f"{folders[0]} is no generator's")
    with ExitStack() as resources:
        subjects = [look(read_run(folder), asked, resources) for folder in folders]
        return _one(subjects[0]) if len(subjects) == 1 else _several(subjects)


def write_at_end(run: Run) -> None:
    """Writes report.html into the folder of a run that has just ended, on its first process.

    It says where, or in a line why not: a report never fails a run. Of Ctrl-C and SIGTERM what is
    raised says that the run is complete, and how to make the report.
    """
    if run.world.is_main and run.config.runtime.report:
        device = str(run.device)
        _try_to_write(
            run.folder,
            lambda out: write_report(
                [run.folder], out, ReportConfig(device=device, split=_split_in_time(run))
            ),
        )


def write_of_all(folder: Path, config: RunConfig) -> None:
    """Writes report.html of several runs into the folder that holds them, as `write_at_end` does.

    Args:
        folder: of folds or seeds.
        config: what they have in common.
    """
    if config.runtime.report:
        asked = ReportConfig(device=config.runtime.device)
        _try_to_write(folder, lambda out: write_report([folder], out, asked))


def write_of_generator(folder: Path, device: str) -> None:
    """Writes report.html into the folder of a generator whose training has just ended, in about a
    minute at most, as `write_at_end` does.

    Args:
        folder: the run's.
        device: on which it draws, as in training.
    """
    asked, limits = ReportConfig(device=device), Limits(drawing_s=DRAWING_S, searched=SEARCHED)
    _try_to_write(folder, lambda out: write_report([folder], out, asked, limits))


def _try_to_write(folder: Path, write: Callable[[Path], None]) -> None:
    out, later = folder / REPORT_NAME, called("report", folder)
    try:
        check_plots()
        print("making the report; what was trained is complete and saved", flush=True)
        write(out)
    except KeyboardInterrupt as stop:  # of Ctrl-C or SIGTERM, each of which has its own status
        raise type(stop)(f"{folder} is complete; its report is made by `{later}`") from None
    except Exception as error:
        reason = one_line(error) or type(error).__name__
        print(
            f"no report: {reason}; make it later with {later}, or train with --no-report",
            flush=True,
        )
        return
    print(f"report: {out}", flush=True)


def _split_in_time(run: Run) -> str:
    """What the report is to be judged on, where all that was held out would take too long."""
    data = run.config.data
    passes = max(1, run.progress.epoch)
    each = run.clock.seconds["evaluate"] / passes
    if data.limit_batches or each <= AT_END_S:
        return ""
    part = share_of_split(data.val_split, AT_END_S / each)
    return "" if part == data.val_split else part


def look(log: RunLog, asked: ReportConfig, resources: ExitStack) -> Subject:
    """Opens a run's data and asks its best checkpoint, as far as they are there.

    Raises:
        HeadraceError: if what cannot be done was asked for by name.
    """
    subject = Subject(log=log, asked=asked, judged=None, records=None)
    data = asked.data or log.config.data.data
    try:
        records = resources.enter_context(Records.open(data))
    except (HeadraceError, OSError) as error:
        if asked.data:
            raise
        subject.gaps.append(
            f"The data is not there ({error}), so there are curves and settings alone; if it was "
            "moved, say where to with --data."
        )
        return subject
    subject = dataclasses.replace(subject, records=records)
    if not log.best_path.is_file():
        subject.gaps.append(
            f"There is no {log.best_path.name}, so nothing is told of classes and images."
        )
        return subject
    if not log.evaluated and not asked.split:
        subject.gaps.append(
            "Nothing was held out, so nothing is told of classes and images; --split NAME names "
            "labelled samples to judge it on."
        )
        return subject
    try:
        judged = judge(log, records, asked)
    except (HeadraceError, OSError, RuntimeError) as error:
        if asked.split or asked.layer or asked.model:
            raise
        subject.gaps.append(f"The best checkpoint cannot be asked: {one_line(error)}.")
        return subject
    if asked.split:
        subject.gaps.append(
            f"Classes and images are judged on {asked.split}, curves on what the run held out."
        )
    return dataclasses.replace(subject, judged=judged)


def _one(subject: Subject) -> bytes:
    log = subject.log
    rest = [section for make in _AFTER_VERDICT if (section := make(subject)) is not None]
    # Last made, for it says what the others missed.
    sections = [verdict.make(subject), *rest]
    data, model = log.config.data, log.config.model
    subtitle = f"{model.model} on {short_words(data.data)}"
    if subject.judged is not None:
        subtitle += f", {len(subject.judged.classes)} classes"
    return render(log.name, subtitle, sections)


def _several(subjects: Sequence[Subject]) -> bytes:
    logs = [subject.log for subject in subjects]
    names = short_names([log.folder for log in logs])
    made = (
        comparison.make(subjects, names),
        overlaid.make(logs, names),
        beside.classes(subjects, names),
        # Of seeds and folds there is one list for all.
        suspects.make(subjects[0]),
        beside.settings(logs, names),
    )
    title = f"{len(logs)} runs"
    return render(title, ", ".join(names), [section for section in made if section is not None])
