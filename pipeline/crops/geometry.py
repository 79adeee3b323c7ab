"""Geometries: ways of cutting in training and in evaluation that go together, under one name."""

from __future__ import annotations

from typing import NamedTuple


class Geometry(NamedTuple):
    """How both cut.

    Attributes:
        training: a key of TRAINING.
        evaluation: a key of EVALUATION.
        eval_crop: side of a centre crop in evaluation, as a share of the largest that fits.
    """

    training: str
    evaluation: str
    eval_crop: float = 1.0


GEOMETRIES = {
    "crop": Geometry("random-resized", "centre", 0.875),
    "padded": Geometry("padded", "centre"),
    "centre": Geometry("centre", "centre"),
    "squash": Geometry("squash", "squash"),
    "letterbox": Geometry("letterbox", "letterbox"),
}
"""What --geometry names. Each way of evaluating has the name of the geometry that only has it."""

USUAL_GEOMETRY, USUAL_SIZE_PX = "crop", 128
"""What is taken where nothing is said; of small images see fitting.py."""
