"""First of all: how good it got, how long it took, where the time went, and what to try next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headrace.pipeline.wording import counted
from headrace.train.clock import spell
from headrace.train.reporting.advice import advise
from headrace.train.reporting.elements import NONE, Section, interval_text, percent
from headrace.train.reporting.intervals import wilson
from headrace.train.reporting.subject import Subject

PHASE_NAMES = {
    "data": "waiting for data",
    "augment": "augmentation",
    "step": "training steps",
    "evaluate": "evaluation",
    "save": "saving",
    "other": "everything else",
}


def make(subject: Subject) -> Section:
    """The verdict."""
    log = subject.log
    facts = [_time(subject), *_speed(subject)]
    return Section(
        id="verdict",
        title="Verdict",
        values={
            "headline": headline(subject),
            "facts": facts,
            "phases": phases(log.seconds),
            "advice": advise(subject),
            "gaps": [*log.gaps, *subject.gaps],
        },
    )


def headline(subject: Subject) -> dict[str, str]:
    """The number that matters: `value`, `of` what it is, `interval`, `more`."""
    log = subject.log
    best = log.best
    if best is None:
        last = log.epochs[-1] if log.epochs else None
        value = NONE if last is None else percent(last["train_accuracy"])
        return {
            "value": value,
            "of": "training accuracy of the last epoch" if last else "no epoch was finished",
            "interval": "",
            "more": "Nothing was held out, so how good it is on new images is not known.",
        }
    count = num_judged(subject)
    by, epochs = log.config.optim.best_by, log.config.optim.epochs
    place = f"epoch {best['epoch'] + 1} of {epochs}"
    of = f"accuracy on {log.config.data.val_split}, {place}"
    if count:
        interval = wilson(best["val_accuracy"] * count, count)
        shown = f"95% interval {interval_text(interval)}, {count:,} samples"
    else:
        shown = ""
    more = ""
    if by != "accuracy":
        decided = best.get(f"val_{by}")
        more = (
            f"Epochs were judged by {by}: {'undefined' if decided is None else f'{decided:.4f}'}."
        )
    return {"value": percent(best["val_accuracy"]), "of": of, "interval": shown, "more": more}


def num_judged(subject: Subject) -> int:
    """Labelled samples that the logged scores are of, 0 if that is not known."""
    data = subject.log.config.data
    if subject.records is not None:
        try:
            chosen = subject.records.select(data.val_split)
        except ValueError:
            return 0
        chosen = chosen[: data.limit_batches * data.batch_size or None]
        return int((subject.records.labels[chosen] >= 0).sum())
    return 0


def phases(
    seconds: Mapping[str, float], names: Mapping[str, str] = PHASE_NAMES
) -> list[dict[str, Any]]:
    """Where the time went: `name`, `share`, `text`, largest first; empty if it is not known.

    Args:
        seconds: by phase, and in `total`.
        names: of the phases that there are, and `other`.
    """
    total = seconds.get("total", 0.0)
    if total <= 0:
        return []
    parts = {name: seconds.get(name, 0.0) for name in names if name != "other"}
    parts["other"] = max(0.0, total - sum(parts.values()))
    whole = sum(parts.values())
    return [
        {
            "id": name,
            "name": names[name],
            "share": value / whole,
            "text": f"{spell(value)}, {percent(value / whole)}",
        }
        for name, value in sorted(parts.items(), key=lambda part: -part[1])
    ]


def _time(subject: Subject) -> dict[str, str]:
    log = subject.log
    done = counted(len(log.epochs), "epoch")
    return {"value": spell(log.total_seconds), "of": f"in all, {done}"}


def _speed(subject: Subject) -> list[dict[str, str]]:
    log = subject.log
    facts = []
    if (rate := log.median_rate) is not None:
        facts.append({"value": f"{rate:,.0f}/s", "of": "images in training, median epoch"})
    if parameters := log.start.get("parameters"):
        named = log.config.model.model
        facts.append({"value": f"{parameters / 1e6:.2f} M", "of": f"parameters, {named}"})
    return facts
