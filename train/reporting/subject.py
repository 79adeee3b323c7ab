"""What one run's sections are made of."""

from __future__ import annotations

from dataclasses import dataclass, field

from headrace.pipeline.records import Records
from headrace.train.reporting.asked import ReportConfig
from headrace.train.reporting.judged import Judged
from headrace.train.reporting.pictures import Budget
from headrace.train.reporting.run_log import RunLog


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One run, with what could be found of it.

    Attributes:
        log: its folder's words.
        asked: what the user wants.
        judged: what its best checkpoint says of held-out samples; None where it cannot be asked.
        records: its data; None where it is gone.
        budget: for images.
        gaps: what is missing and why, in sentences; sections add to it.
    """

    log: RunLog
    asked: ReportConfig
    judged: Judged | None
    records: Records | None
    budget: Budget = field(default_factory=Budget)
    gaps: list[str] = field(default_factory=list)

    @property
    def labelled(self) -> Judged | None:
        """`judged`, where any of its samples has a label; else nothing is to be measured."""
        judged = self.judged
        return None if judged is None or not len(judged.labelled.labels) else judged
