"""Means of the weights by name, one file each: what is judged and saved as best."""

from __future__ import annotations

AVERAGES = {
    "none": "headrace.train.averages.none",
    "ema": "headrace.train.averages.ema",
    "swa": "headrace.train.averages.swa",
}
"""Names and the modules that define `Settings` and `build(settings, model, span) -> Average`, see
average.py."""
