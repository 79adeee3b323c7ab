#!/usr/bin/env python3
"""Make a page of a run, or of several beside each other, to look at in a browser.

    tools/report.py runs/food11-resnet18-strided-1
    tools/report.py runs/food11-* --out report.html
    tools/report.py runs/food11-resnet18-strided-1 --split test --layer stages.2
    tools/report.py runs/food11-flow-1 --judge runs/food11-resnet18-strided-1

The page is complete in itself and loads nothing. Of one run it has the verdict, curves, confusion
matrix, classes, calibration, the surest mistakes, augmented images, a map of features, settings and
environment; of several a comparison with intervals, and their curves; of a generator its losses,
drawn images, and the training images nearest to them. See docs/report.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from headrace.pipeline.command_line import called, run_command
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flags import parse
from headrace.pipeline.json_file import JsonFile, check_json, write_json
from headrace.pipeline.output_files import check_ending, check_writable
from headrace.pipeline.wording import shown
from headrace.train.folder.run_folder import REPORT_NAME
from headrace.train.next_lines import to_draw, to_predict
from headrace.train.reporting.asked import ReportConfig
from headrace.train.reporting.generators.log import is_generator
from headrace.train.reporting.run_log import folder_of, read_run, run_folders
from headrace.train.reporting.write import write_report


@dataclass(frozen=True, kw_only=True)
class ReportSettings(ReportConfig):
    """Make a page of a run, or of several beside each other, to look at in a browser."""

    runs: Annotated[
        tuple[str, ...], Positional, arg(metavar="RUN [RUN ...]", help_behavior_hint="")
    ]
    """Run folders; a folder of several, as of seeds or folds, stands for all of them."""
    out: Annotated[Path | None, arg(metavar="FILE", help_behavior_hint="")] = None
    """HTML file to write; by default report.html, of a single run in its folder."""
    json: JsonFile = None
    """Write the page's path, and which runs are on it, here."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.runs:
            raise ConfigError("expected at least one RUN; name a run folder")
        if self.out is not None:
            check_ending(self.out, "--out", ".html", ".htm")


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line; see the module's text."""
    settings = parse(ReportSettings, called("report"), arguments)
    out = settings.out
    if out is None:
        out = Path(REPORT_NAME)
        if len(settings.runs) == 1:
            (place,) = settings.runs
            several = len(run_folders(place)) > 1
            folder = run_folders(place)[0]
            if not is_generator(folder):
                read_run(folder)  # which refuses what is no run
            out = (Path(place) if several else folder_of(folder)) / REPORT_NAME
    check_writable(out, "--out")
    check_json(settings.json)
    write_report(settings.runs, out, settings)
    write_json(settings.json, {"out": out, "runs": settings.runs})
    print(f"wrote {out}")
    folders = [folder for place in settings.runs for folder in run_folders(place)]
    if len(folders) == 1:  # of several nobody has chosen one
        folder = folder_of(folders[0])
        print(shown(to_draw(folder) if is_generator(folder) else to_predict(folder)))


if __name__ == "__main__":
    run_command(main)
