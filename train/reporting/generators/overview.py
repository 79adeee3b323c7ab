"""First of all: what was trained for how long, where the time went, and what to try next."""

from __future__ import annotations

from collections.abc import Iterator

from headrace.pipeline.command_line import called
from headrace.pipeline.wording import counted
from headrace.train.clock import spell
from headrace.train.reporting.elements import NONE, Advice, Section, percent
from headrace.train.reporting.generators.log import GeneratorLog
from headrace.train.reporting.generators.material import Drawn, GeneratorSubject, Near
from headrace.train.reporting.sections.verdict import PHASE_NAMES, phases

MEANINGS = {
    ("flow", "loss"): "mean squared error of the velocity",
    ("gan", "loss"): "the generator's loss",
    ("gan", "discriminator"): "the discriminator's loss",
    ("gan", "penalty"): "penalty on the discriminator's slope",
}
"""Kind and name of a loss, in words."""
_NAMES = {name: PHASE_NAMES[name] for name in ("data", "step", "save", "other")}
_NAMES["evaluate"] = "drawing previews"


def make(subject: GeneratorSubject, drawn: Drawn | None, near: Near | None) -> Section:
    """The verdict; made last, for it says what other sections missed."""
    log = subject.log
    return Section(
        id="verdict",
        title="Verdict",
        values={
            "headline": _headline(log),
            "facts": [*_facts(log), *_copies(near)],
            # A total alone says nothing of where the time went.
            "phases": phases(log.seconds, _NAMES) if "step" in log.seconds else [],
            "advice": list(_advice(subject, drawn, near)),
            "gaps": subject.gaps,
        },
    )


def in_words(log: GeneratorLog) -> str:
    """`flow, unet of width 48, 32 px`."""
    config = log.config
    network = f"{config.network} of " if config.kind == "flow" else ""
    return f"{config.kind}, {network}width {config.width}, {config.size} px"


def _headline(log: GeneratorLog) -> dict[str, str]:
    kind = log.config.kind
    if not log.steps:
        return {"value": NONE, "of": "no step is in the log", "interval": "", "more": ""}
    row = log.steps[-1]
    told = [f"{MEANINGS.get((kind, name), name)} {row[name]:.4f}" for name in log.losses[1:]]
    more = (
        "How good the images are it does not tell: look at them, and at their neighbours."
        if kind == "flow"
        else "Both sides balance each other, which tells little: look at the images."
    )
    return {
        "value": f"{row['loss']:.4f}",
        "of": f"{MEANINGS.get((kind, 'loss'), 'loss')}, last row of the log",
        "interval": ", ".join(told),
        "more": more,
    }


def _facts(log: GeneratorLog) -> list[dict[str, str]]:
    config = log.config
    facts = []
    if total := log.seconds.get("total"):
        epochs = f"{log.epochs_done} of {counted(config.epochs, 'epoch')}"
        facts.append({"value": spell(total), "of": f"in all, {epochs}"})
    facts.append({"value": f"{log.num_steps:,}", "of": f"steps of {config.batch_size} images"})
    seen = log.num_steps * config.batch_size
    images = log.start.get("images")
    of = f"images seen, {seen / images:.1f} times each" if images else "images seen"
    facts.append({"value": f"{seen:,}", "of": of})
    if (rate := log.median_rate) is not None:
        facts.append({"value": f"{rate:,.0f}/s", "of": "images in training, median row"})
    if (parameters := log.parameters) is not None:
        facts.append({"value": f"{parameters / 1e6:.2f} M", "of": f"parameters, {in_words(log)}"})
    return facts


def _copies(near: Near | None) -> list[dict[str, str]]:
    if near is None:
        return []
    by = "a classifier's features" if near.judge else "pixels"
    count = f"{len(near.gaps):,} drawn images"
    return [{"value": percent(near.copies), "of": f"copies among {count}, by {by}"}]


def _advice(subject: GeneratorSubject, drawn: Drawn | None, near: Near | None) -> Iterator[Advice]:
    log = subject.log
    again = called("generate", "fit", "--resume", log.folder)
    if log.end is None:
        yield Advice(
            what="Let it finish",
            why=f"{log.epochs_done} of {counted(log.config.epochs, 'epoch')} are saved; it goes on "
            "where it was saved last.",
            command=again,
        )
    elif log.end.get("reason") == "max_minutes":
        minutes = log.config.max_minutes or 0
        yield Advice(
            what="Train longer",
            why=f"its time of {minutes:g} minutes ended it in epoch {log.epochs_done + 1} of "
            f"{log.config.epochs}.",
            command=f"{again} --max-minutes {2 * minutes:g}",
        )
    if near is not None and near.copies > 0.05:
        yield Advice(
            what="Look at the copies",
            why=f"{percent(near.copies)} of the drawn images are as near to a training image as "
            "copies; train for fewer epochs, or draw with `--keep-best`, which leaves them out.",
        )
    if near is not None and not near.judge:
        yield Advice(
            what="Have it judged",
            why="a classifier of real images sees what pixels do not: how far drawn images are "
            "from real ones, how diverse they are, and whether their class is right.",
            command=called("report", log.folder, "--judge", "CLASSIFIER"),
        )
    if drawn is not None:
        yield Advice(
            what="Measure what it adds",
            why="made-up images count only where they raise a classifier's accuracy on real ones.",
            command=called("generate", "draw", log.folder, "made.beton", "--per-class", 200),
        )
