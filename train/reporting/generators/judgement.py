"""Drawn images compared with real ones, as a classifier sees them."""

from __future__ import annotations

from headrace.train.reporting.elements import Cell, Column, Section, Table, number_cell, text_cell
from headrace.train.reporting.generators.material import Drawn, Near

SAYS = {
    "frechet": "distance to real images that the generator has not seen; less is better",
    "kernel": "the same, otherwise measured; less is better",
    "precision": "share of drawn images that lie among real ones",
    "recall": "share of real images that lie among drawn ones: diversity",
    "the intended class": "share of images of which the classifier says their class",
    "copies": "share nearer to a training image than all but 1% of these are to each other",
}


def make(drawn: Drawn | None, near: Near | None) -> Section | None:
    """The numbers of train/generating/comparing.py; None without a judge."""
    if drawn is None or near is None or near.compared is None:
        return None
    rows = [
        [
            text_cell(name),
            number_cell(made, "{:.3f}"),
            Cell(text="") if real is None else number_cell(real, "{:.3f}"),
            text_cell(SAYS[name]),
        ]
        for name, made, real in near.compared.verdict.rows()
    ]
    columns = (
        Column(name="Number"),
        Column(name="Made up", number=True),
        Column(name="Real", number=True, help="of as many training images"),
        Column(name="Says"),
    )
    table = Table(id="judged", caption="Drawn images beside real ones", columns=columns, rows=rows)
    return Section(
        id="judged_by",
        title="Judged by a classifier",
        values={
            "table": table,
            "judge": near.judge,
            "count": f"{len(near.gaps):,}",
            "unseen": near.unseen,
        },
    )
