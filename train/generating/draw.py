"""Draws labelled images from a generator into a .beton file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg
import torch
from torch import Tensor

from headrace.pipeline.bars import bar
from headrace.pipeline.containers.beton import MIN_PAGE_SIZE, MODE_JPEG, MODE_RAW
from headrace.pipeline.containers.beton_writer import BetonWriter, next_multiple
from headrace.pipeline.containers.manifest import DEFAULT_SPLIT, Manifest
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.json_file import check_json, write_json
from headrace.pipeline.output_files import written
from headrace.pipeline.records import Records
from headrace.pipeline.user_paths import resolved
from headrace.train.device.amp import choose_precision
from headrace.train.device.own_defaults import torch_defaults
from headrace.train.generating.draw_settings import DrawConfig
from headrace.train.generating.drawing import BATCH, images_of
from headrace.train.generating.generator_file import load_generator, read_generator_file
from headrace.train.generating.judge import Judge, real_images
from headrace.train.generating.kind import Generator
from headrace.train.generating.neighbours import copy_distance, nearest
from headrace.train.processes.world import only_process

_RAW_SIDE_PX = 64
"""Up to here raw pixels take little room, and a JPEG would change them."""
_QUALITY = 95


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """What is drawn from, opened."""

    config: DrawConfig
    told: Mapping[str, Any]
    generator: Generator
    device: torch.device

    @property
    def classes(self) -> list[str]:
        """Names, by label."""
        return list(self.told["classes"])

    @property
    def size(self) -> int:
        """Side of the images, px."""
        return int(self.told["generator"]["size"])


@torch_defaults()
def draw(config: DrawConfig) -> Path:
    """Draws what is asked for; the file is there when it is complete.

    Raises:
        HeadraceError: if the generator cannot be read, a class is unknown, or the output is there.
    """
    if config.out.exists() and not config.force:
        raise ConfigError(f"{config.out} exists; name another file, or replace it with --force")
    check_json(config.json)
    told = read_generator_file(config.run)
    device = only_process(config.device)
    generator = load_generator(told, config.run, choose_precision(config.amp, device))
    drawing = Drawing(config=config, told=told, generator=generator, device=device)
    labels = _labels(config, drawing.classes)
    choosing = _Choosing(drawing) if config.judge else None
    names: list[str] = []
    with written(config.out) as file:
        capacity = len(labels) * config.per_class
        writer = BetonWriter(file, capacity, MIN_PAGE_SIZE)  # type: ignore[arg-type]
        for label in bar(labels, desc="drawing", unit="class", leave=False):
            if choosing is None:
                images, numbers = drawn(drawing, label, range(config.per_class)), None
            else:
                images, numbers = choosing.best(label)
            for place, image in enumerate(images):
                _add(writer, image, label)
                number = place if numbers is None else int(numbers[place])
                names.append(_name(drawing, label, number))
        writer.finish(_manifest(drawing, len(names)), names)
    print(f"{config.out}: {len(names)} made-up images of {len(labels)} classes")
    for line in choosing.lines() if choosing else ():
        print(line)
    classes = [drawing.classes[label] for label in labels]
    write_json(config.json, {"out": config.out, "images": len(names), "classes": classes})
    return config.out


def drawn(drawing: Drawing, label: int, numbers: range) -> Tensor:
    """(N, 3, S, S) uint8 of a class, each the same whatever is drawn beside it.

    Args:
        label: of the class.
        numbers: which of its images.
    """
    config = drawing.config
    # Always whole batches: sums may be made in another order for one of another length.
    whole = range(numbers.start, numbers.start + next_multiple(len(numbers), BATCH))
    made = images_of(
        drawing.generator,
        [(label, number) for number in whole],
        seed=config.seed,
        guidance=config.guidance,
        steps=config.steps,
        device=drawing.device,
    )
    return made[: len(numbers)]


class _Choosing:
    """Draws more than is asked for and keeps what the judge is surest of, and no copies."""

    def __init__(self, drawing: Drawing) -> None:
        config, fitted = drawing.config, drawing.told["config"]
        assert config.judge is not None and config.keep_best is not None
        self._drawing, self._share = drawing, config.keep_best
        self._judge = Judge(config.judge, drawing.classes, drawing.device)
        with ExitStack() as resources:
            records = resources.enter_context(Records.open(fitted["data"]))
            real = real_images(records, fitted["train_split"], drawing.size)
        self._real = self._judge.look(real.images).features
        self._nearest_allowed = copy_distance(self._real)
        self._copies, self._confidences = 0, list[float]()

    def best(self, label: int) -> tuple[Tensor, np.ndarray]:
        """The images of a class that are kept, and which of its drawn ones they are.

        Raises:
            ConfigError: if too many are copies.
        """
        wanted = self._drawing.config.per_class
        images = drawn(self._drawing, label, range(int(np.ceil(wanted / self._share))))
        seen = self._judge.look(images)
        sure = seen.probabilities[:, label]
        _, gaps = nearest(seen.features, self._real)
        allowed = np.flatnonzero(gaps >= self._nearest_allowed)
        self._copies += len(images) - len(allowed)
        order = allowed[np.argsort(-sure[allowed], kind="stable")][:wanted]
        if len(order) < wanted:
            name = self._drawing.classes[label]
            raise ConfigError(
                f"of {len(images)} images drawn of {name} only {len(order)} are no copies of "
                f"training images, and {wanted} are asked for; take a smaller --keep-best, or "
                "train the generator for fewer epochs"
            )
        kept = np.sort(order)
        self._confidences += sure[kept].tolist()
        return images[torch.from_numpy(kept)], kept

    def lines(self) -> Iterator[str]:
        """What was found, for the user."""
        yield f"copies of training images, left out: {self._copies}"
        yield f"the judge's probability of the intended class: {np.mean(self._confidences):.3f}"


def _labels(config: DrawConfig, classes: list[str]) -> list[int]:
    if unknown := [name for name in config.classes if name not in classes]:
        some = ", ".join(classes[:5])
        raise ConfigError(
            f"--classes {unknown[0]} is no class of {config.run}, which has {len(classes)}: {some}"
            + (", ..." if len(classes) > 5 else "")
        )
    wanted = config.classes or classes
    return [label for label, name in enumerate(classes) if name in wanted]


def _add(writer: BetonWriter, image: Tensor, label: int) -> None:
    pixels = np.ascontiguousarray(image.permute(1, 2, 0).numpy())
    side = len(pixels)
    raw = side <= _RAW_SIDE_PX
    data = (
        pixels.tobytes()
        if raw
        else simplejpeg.encode_jpeg(pixels, quality=_QUALITY, colorsubsampling="444")
    )
    mode = MODE_RAW if raw else MODE_JPEG
    writer.add(data, mode=mode, width=side, height=side, label=label)


def _name(drawing: Drawing, label: int, number: int) -> str:
    seed = drawing.config.seed
    return f"{_model(drawing.config)}-seed{seed}/{drawing.classes[label]}/{number:06d}"


def _model(config: DrawConfig) -> str:
    """The name of the generator's run folder."""
    run = config.run if config.run.is_dir() else config.run.parent
    return resolved(run).name


def _manifest(drawing: Drawing, count: int) -> Manifest:
    config, told = drawing.config, drawing.told
    synthetic = {
        "generator": f"{told['generator']['kind']} {_model(config)}",
        "network": dict(told["generator"]),
        "trained_on": {"data": told["config"]["data"], "split": told["config"]["train_split"]},
        "steps_trained": told["progress"]["step"],
        "seed": config.seed,
        "guidance": config.guidance,
        "steps": config.steps,
        "keep_best": config.keep_best,
    }
    return Manifest(
        classes=tuple(drawing.classes),
        splits={DEFAULT_SPLIT: (0, count)},
        encoding={"format": "raw" if drawing.size <= _RAW_SIDE_PX else "jpeg"},
        synthetic=synthetic,
    )
