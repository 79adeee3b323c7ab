"""What a run says of itself before it begins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from headrace.pipeline.crops.size_schedule import schedule_line
from headrace.pipeline.data_files import in_words
from headrace.pipeline.shares import epoch_samples
from headrace.pipeline.split_names import split_line
from headrace.train.data.drawn_split import drawn_line
from headrace.train.data.file_lines import file_lines
from headrace.train.data.inputs import limit_line
from headrace.train.data.levels_read import levels_line
from headrace.train.device.amp import Precision
from headrace.train.environment import describe_environment
from headrace.train.models.places import own_file_parts
from headrace.train.models.sizes import size_text
from headrace.train.optimizers.freezing import num_trained
from headrace.train.settings.config_file import to_flat
from headrace.train.state import Run


def introduce(run: Run, compiled: str, augmenter_compiled: str, say: Callable[[str], None]) -> None:
    """Says what is about to happen, on the screen and in the journal."""
    data = run.config.data
    num_train = epoch_samples(run.records, run.records.select(data.train_split))
    num_val = len(run.records.select(data.val_split)) if run.val_loader is not None else 0
    parameters = sum(p.numel() for p in run.model.parameters())
    for flag, name in (("--train-split", data.train_split), ("--val-split", data.val_split)):
        if line := split_line(flag, name, run.records.splits):
            say(line)
    if run.val_loader is not None and (line := drawn_line(run.records, data)):
        say(line)
    given = in_words(data.data)
    say(f"data: {given}, {len(run.classes)} classes, {num_train} train, {num_val} val samples")
    for line in file_lines(run.records, data):
        say(line)
    if num_val and (line := limit_line(data, run.records)):
        say(line)
    for line in model_lines(run, parameters):
        say(line)
    crop = run.config.data.crop
    if crop.size_schedule:
        height, width = crop.shape(train=False)
        evaluation = f"{height}" if height == width else f"{height}x{width}"
        plan = schedule_line(crop.size_schedule, run.config.optim.epochs)
        say(f"sizes: {plan}; evaluation at {evaluation} px")
    if line := levels_line(run.train_loader, run.val_loader, run.progress.epoch):
        say(line)
    always = ", deterministic algorithms" if run.config.runtime.deterministic else ""
    say(f"device: {run.device}, precision {run.precision}, torch.compile {compiled}{always}")
    if augmenter_compiled != compiled and run.device.type == "cuda":
        say(f"augmentation: torch.compile {augmenter_compiled}")
    if run.world.size > 1:
        say(f"processes: {run.world.size}")
    run.journal.row(
        "start",
        {
            "global_step": run.progress.global_step,
            "compile": compiled,
            "compile_augmenter": augmenter_compiled,
            "trained_parameters": num_trained(run.model),
            "processes": run.world.size,
            **circumstances_row(run.precision, run.train_loader.name, parameters),
            "config": to_flat(run.config),
        },
    )


def circumstances_row(precision: Precision, loader: str, parameters: int) -> dict[str, Any]:
    """What the row of a start tells of any training: what is trained, where, and with what."""
    return {
        "loader": loader,
        "device": str(precision.device),
        "precision": str(precision),
        "parameters": parameters,
        "torch": torch.__version__,
        "environment": describe_environment(precision.device),
    }


def model_lines(run: Run, parameters: int) -> list[str]:
    """What is trained, and how much of it; and that it cannot have learnt anything before."""
    model, trained = run.config.model, num_trained(run.model)
    share = f"{trained:,} of them trained" if trained < parameters else "all trained"
    adapters = run.config.optim.adapters
    small = f"{adapters.adapter} of rank {adapters.adapter_rank} and the head" if adapters else ""
    stages = f" ({what})" if (what := small or run.freezing.shown) else ""
    lines = [
        f"model: {run.spec.name}, {parameters / 1e6:.2f} M parameters, {share}{stages}, "
        f"{size_text(run.config.data.crop)} px"
    ]
    given = model.weights or model.pretrained or own_file_parts(model.model)
    if what and not given:
        flag = "--adapter" if small else "--train-last"
        lines.append(
            f"{flag}: what is frozen keeps the weights that were drawn for it; to start from "
            "others, give --weights or --pretrained"
        )
    return lines
