#!/usr/bin/env python3
"""Say what a model is made of: layers, parameters, operations, and the memory of a training step.

    tools/summary.py --model report-resnet --classes 11 --size 128
    tools/summary.py --model timm:resnet50 --batch-size 64 --device cuda
    tools/summary.py --model mine.py:net --json

FLOPs are of one image in the forward pass, two for a multiplication with an addition, counted by
torch in matrix products, convolutions and attention.
"""

from __future__ import annotations

import json
import sys
import textwrap
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
from tyro.conf import arg

from headrace.pipeline.command_line import called, escape_unprintable, run_command
from headrace.pipeline.crops.settings import CropConfig, Size
from headrace.pipeline.device import resolve_device
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flags import Flag, check_least, parse
from headrace.pipeline.quiet import answer
from headrace.pipeline.trained import is_run
from headrace.tools.model_numbers.layers import Layer, Numbers, count_layers
from headrace.tools.model_numbers.memory import Memory, estimate_and_measure
from headrace.tools.packing.text_table import size_text
from headrace.train.device.amp import choose_precision
from headrace.train.models.build import build_model
from headrace.train.models.checkpointing import checkpoint_activations
from headrace.train.models.head import check_outputs
from headrace.train.models.spec import ModelSpec, spec_of
from headrace.train.optimizers.freezing import FreezeConfig, Freezing
from headrace.train.settings.config import AmpName, ModelConfig

_WIDTHS = (36, 20, 16)
"""Columns of the names, the kinds and the shapes; the numbers take the rest of 100."""


@dataclass(frozen=True, kw_only=True)
class SummarySettings:
    """Say what a model is made of."""

    model: str = ModelConfig.model
    """As --model of training: a name, or FILE.py:FUNCTION."""
    classes: Annotated[int, arg(metavar="N")] = 10
    """Classes that it tells."""
    size: Size = 128
    """Images in pixels: a side, or height and width."""
    dropout: float = 0.0
    """As in training."""
    spatial_transformer: Flag = False
    """As in training."""
    whitening: Flag = False
    """As in training."""
    activation_checkpointing: Flag = False
    """As in training; of the numbers, it changes the memory."""
    train_last: Annotated[int, arg(metavar="N")] = 0
    """As in training: only so many of the last stages are trained (0: all)."""
    batch_size: Annotated[int, arg(metavar="N")] = 32
    """Images of the training step whose memory is told; 0 leaves it out."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    amp: AmpName = "auto"
    """Mixed precision of that step, as in training."""
    json: Flag = False
    """Print JSON instead of text."""

    def __post_init__(self) -> None:
        check_least(self, 1, "classes")
        check_least(self, 0, "batch_size")
        check_least(self, 0, "train_last")
        check_least(self, 2 if self.batch_size else 0, "batch_size")  # for batch normalisation
        CropConfig(size=self.size)  # which checks it

    @property
    def shape(self) -> tuple[int, int]:
        return (self.size, self.size) if isinstance(self.size, int) else self.size

    @property
    def spec(self) -> ModelSpec:
        config = ModelConfig(
            model=self.model,
            dropout=self.dropout,
            spatial_transformer=self.spatial_transformer,
            whitening=self.whitening,
        )
        return spec_of(config, self.classes, self.size)


def summarise(settings: SummarySettings) -> tuple[Numbers, Memory | None, str]:
    """The layers, the memory, and in which precision on which device it was measured."""
    precision = choose_precision(settings.amp, resolve_device(settings.device, "--device"))
    model = build_model(settings.spec)
    check_outputs(model, settings.spec)
    model = model.to(precision.device, memory_format=torch.channels_last)
    Freezing(model, FreezeConfig(train_last=settings.train_last))
    numbers = count_layers(model, torch.zeros(1, 3, *settings.shape, device=precision.device))
    place = f"{str(precision.dtype).removeprefix('torch.')}, {precision.device}"
    if not settings.batch_size:
        return numbers, None, place
    if settings.activation_checkpointing:
        checkpoint_activations(model)
    memory = estimate_and_measure(model.train(), settings.shape, settings.batch_size, precision)
    return numbers, memory, place


def as_json(
    settings: SummarySettings, numbers: Numbers, memory: Memory | None, place: str
) -> dict[str, Any]:
    """Everything as plain values; counts of parameters, FLOPs of one image, bytes."""
    return {
        "model": settings.model,
        "classes": settings.classes,
        "size": list(settings.shape),
        "parameters": numbers.parameters,
        "trainable": numbers.trainable,
        "flops": numbers.flops,
        "memory": None if memory is None else {**memory.to_dict(), "measured_in": place},
        "stages": list(numbers.stages),
        "layers": [asdict(layer) for layer in numbers.layers],
    }


def as_lines(
    settings: SummarySettings, numbers: Numbers, memory: Memory | None, place: str
) -> list[str]:
    """For a terminal of 100 columns."""
    height, width = settings.shape
    lines = [
        f"{settings.model}: {settings.classes} classes, {height}x{width} px",
        "",
        _row("layer", "kind", "output", "parameters", "MFLOPs"),
        *map(_layer_row, numbers.layers),
        "",
        f"parameters: {numbers.parameters:,}{_trained(numbers)}",
        *textwrap.wrap(f"stages, the head last: {', '.join(numbers.stages)}", 100),
        f"forward pass of one image: {numbers.flops / 1e9:.3f} GFLOPs",
    ]
    if memory is None:
        return lines
    anew = settings.activation_checkpointing
    measured = "not told by" if memory.measured is None else f"{size_text(memory.measured)} in"
    return [
        *lines,
        f"memory of a training step with AdamW, {memory.batch_size} images:",
        f"  weights {size_text(memory.weights)}, gradients {size_text(memory.gradients)}, "
        f"moments {size_text(memory.optimizer)}, activations {size_text(memory.activations)} "
        f"({size_text(memory.an_image)} an image)",
        f"  estimated {size_text(memory.estimated)}, measured {measured} {place}",
        *(["  (the estimate leaves out the segment that is being computed anew)"] * anew),
    ]


def _trained(numbers: Numbers) -> str:
    if numbers.trainable == numbers.parameters:
        return ", all trained"
    return f", of which {numbers.trainable:,} are trained (* holds some that are not)"


def _layer_row(layer: Layer) -> str:
    shape = "-" if layer.output is None else "x".join(map(str, layer.output)) or "1"
    fixed = "" if layer.trainable == layer.parameters else "*"
    parameters = f"{layer.parameters:,}{fixed}" if layer.parameters else "-"
    flops = f"{layer.flops / 1e6:.2f}" if layer.flops else "-"
    return _row(layer.name or "(itself)", layer.kind, shape, parameters, flops)


def _row(name: str, kind: str, shape: str, parameters: str, flops: str) -> str:
    cells = [_cut(text, size) for text, size in zip((name, kind, shape), _WIDTHS, strict=True)]
    first, second, third = (f"{c:<{w}}" for c, w in zip(cells, _WIDTHS, strict=True))
    return f"{first} {second} {third} {parameters:>14} {flops:>9}".rstrip()


def _cut(text: str, size: int) -> str:
    """A long name without its middle: its end says which of many it is."""
    if len(text) <= size:
        return text
    begin = (size - 2) // 3
    return f"{text[:begin]}..{text[len(text) - (size - 2 - begin) :]}"


def _refuse_runs(words: list[str], refusal: ConfigError) -> None:
    """Says of a refusal that what has been trained or packed stands in the place of a model's name.

    Raises:
        ConfigError: naming the command that shows it.
    """
    for word in words:
        path = Path(word)
        if path.is_dir() or path.suffix in (".pt", ".pth", ".beton"):
            command = "report" if is_run(path) or path.suffix in (".pt", ".pth") else "info"
            raise ConfigError(
                f"{word} is no model's name: expected --model {ModelConfig.model}, timm:NAME or "
                f"FILE.py:FUNCTION; what is in {word} is shown by {called(command, path)}"
            ) from refusal


def main(arguments: list[str] | None = None) -> None:
    """Command line; see the module's text."""
    escape_unprintable()
    try:
        settings = parse(SummarySettings, called("summary"), arguments)
        numbers, memory, place = summarise(settings)
    except ConfigError as refusal:
        _refuse_runs(sys.argv[1:] if arguments is None else arguments, refusal)
        raise
    if settings.json:
        answer(json.dumps(as_json(settings, numbers, memory, place), indent=2))
    else:
        print("\n".join(as_lines(settings, numbers, memory, place)))


if __name__ == "__main__":
    run_command(main)
