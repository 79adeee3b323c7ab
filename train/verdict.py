"""Where the time of a run goes, in shares, and one line on what would change it most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from headrace.pipeline.command_line import called
from headrace.pipeline.cores import available_cores
from headrace.pipeline.data_files import in_words
from headrace.pipeline.installed import is_installed
from headrace.pipeline.loaders.resident import full_size_bytes, memory_budget
from headrace.pipeline.planned import PlannedLoader
from headrace.pipeline.records import Records
from headrace.train.clock import PHASES
from headrace.train.settings.config import RunConfig

MUCH = {"data": 0.15, "augment": 0.3, "evaluate": 0.3, "save": 0.1}
"""Shares of the time from which on a phase is what there is to gain from."""
_NAMES = {
    "data": "waiting for data",
    "augment": "augmenting",
    "step": "forward and backward",
    "evaluate": "evaluating",
    "save": "saving",
}


@dataclass(frozen=True, kw_only=True)
class Circumstances:
    """What decides which advice is true of a run, and can be followed.

    Attributes:
        loader: that decodes.
        workers: its threads or processes.
        cores: that this process may use.
        kind: of the records: beton, shards, folder or joined.
        data: what was opened, for messages.
        resident_bytes: what the splits would take on the device, undiminished; 0 where they do not
            fit, or are there.
        on_gpu: whether the run computes on CUDA.
        has_dali: whether DALI is installed.
        amp_off, compile_off: whether that is what was asked for.
        recipe: of the augmentation; a list of steps is "steps of its own".
        val_split: as it was given.
        save_every: steps between two saves within an epoch, 0 for none.
        processes: that take part.
    """

    loader: str
    workers: int
    cores: int
    kind: str
    data: str
    resident_bytes: int
    on_gpu: bool
    has_dali: bool
    amp_off: bool
    compile_off: bool
    recipe: str
    val_split: str
    save_every: int
    processes: int


def shares(seconds: Mapping[str, float]) -> dict[str, float]:
    """Phase to its share of the total, and `other`; on CUDA phases may overlap.

    Args:
        seconds: per phase and in `total`, as a clock tells them.
    """
    total = max(seconds["total"], 1e-9)
    found = {phase: seconds[phase] / total for phase in PHASES}
    return {**found, "other": max(0.0, 1.0 - sum(found.values()))}


def verdict_line(found: Mapping[str, float], run: Circumstances) -> str:
    """One line: what takes most of the time that could be saved, and what would save it.

    Args:
        found: as `shares` returns them.
        run: of the run that they are of.
    """
    advice = {
        "data": _for_data,
        "augment": _for_augment,
        "evaluate": _for_evaluation,
        "save": _for_saving,
    }
    worst = max(MUCH, key=lambda phase: found[phase] / MUCH[phase])
    if found[worst] < MUCH[worst]:
        worst = "step"
    what = f"verdict: {_NAMES[worst]} {found[worst]:.0%}"
    tries = advice[worst](run) if worst in advice else _for_step(run)
    if tries:
        return f"{what}: {'; or '.join(tries)}"
    return f"{what}: nothing that could be set would change it much"


def _for_data(run: Circumstances) -> list[str]:
    tries = []
    if run.resident_bytes:
        size = _megabytes(run.resident_bytes)
        tries.append(f"try --loader resident, which would hold the images in {size}")
    if run.kind == "folder":
        tries.append(f"pack the folder: {called('pack', run.data, 'FILE.beton')}")
    elif run.on_gpu and run.has_dali and run.loader != "dali":
        tries.append("try --loader dali, which decodes on the GPU")
    elif not run.on_gpu and run.loader in ("torchvision", "dali"):
        tries.append("try --loader native")
    each = max(1, run.cores // run.processes)
    if run.loader != "resident" and run.workers < each:
        tries.append(f"try --workers {each} (now {run.workers})")
    return tries


def _for_augment(run: Circumstances) -> list[str]:
    if run.recipe in ("none", "flip"):
        return []
    return [f"a lighter --recipe than {run.recipe}, such as none, costs less"]


def _for_evaluation(run: Circumstances) -> list[str]:
    if not run.val_split.isidentifier():
        return []
    return [f"--val-split '{run.val_split}[:50%]' measures on half of it"]


def _for_saving(run: Circumstances) -> list[str]:
    if run.save_every:
        return [f"save more seldom than --save-every {run.save_every}"]
    return ["a faster disk for --out"]


def _for_step(run: Circumstances) -> list[str]:
    tries = []
    if run.on_gpu and run.amp_off:
        tries.append("try --amp auto")
    if run.on_gpu and run.compile_off:
        tries.append("try --compile auto")
    return [*tries, "a smaller --model or --size computes less"]


def _megabytes(num_bytes: int) -> str:
    return f"{max(1, round(num_bytes / 1e6))} MB"


def circumstances(
    config: RunConfig, records: Records, loaders: Sequence[PlannedLoader | None], processes: int
) -> Circumstances:
    """Those of a run.

    Args:
        config: its settings.
        records: its samples.
        loaders: of training, and of validation if there is one.
        processes: that take part.
    """
    loader, recipe = loaders[0], config.model.recipe
    assert loader is not None
    return Circumstances(
        loader=loader.name,
        workers=loader.config.num_workers,
        cores=available_cores(),
        kind=records.kind,
        data=in_words(config.data.data),
        resident_bytes=_resident_bytes(records, loader, loaders, processes),
        on_gpu=loader.config.device.type == "cuda",
        has_dali=is_installed("nvidia.dali"),
        amp_off=config.runtime.amp == "off",
        compile_off=config.runtime.compile == "off",
        recipe=recipe if isinstance(recipe, str) else "this one",
        val_split=config.data.val_split,
        save_every=config.runtime.save_every,
        processes=processes,
    )


def _resident_bytes(
    records: Records, training: PlannedLoader, loaders: Sequence[PlannedLoader | None], count: int
) -> int:
    """What all splits would take undiminished; 0 where that is too much, or they are there."""
    if training.name == "resident":
        return 0
    chosen = [records.select(loader.config.split) for loader in loaders if loader is not None]
    needed = sum(full_size_bytes(records, some) for some in chosen)
    return needed if needed * count <= memory_budget(training.config) else 0
