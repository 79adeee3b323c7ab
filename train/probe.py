#!/usr/bin/env python3
"""Train a linear classifier on what a trained network says of images, in seconds.

    train/probe.py --data food11.beton --model timm:resnet50 --pretrained
    train/probe.py --data fine.beton --model resnet18 --weights runs/coarse --copies 4 --recipe flip

The features, what the network's head reads, are computed once and kept; asked again for the same
data, weights and crop, only the classifier is trained. Writes a run folder whose best.pt is the
network with the classifier for its head: it evaluates, predicts and starts runs as any other.
"""

from __future__ import annotations

import dataclasses
import hashlib
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import torch
from torch import nn
from tyro.conf import arg

from headrace.augment import Preprocess
from headrace.pipeline.command_line import called, run_command
from headrace.pipeline.crops.settings import CropConfig
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flags import Flag, check_least, parse
from headrace.pipeline.flat_settings import to_flat as flat
from headrace.pipeline.json_file import JsonFile, check_json, write_json
from headrace.pipeline.loader import open_loader
from headrace.pipeline.loaders.settings import DecodeConfig
from headrace.pipeline.outliving import outliving_readers
from headrace.pipeline.records import Records
from headrace.pipeline.user_paths import resolved
from headrace.train.data.geometry import settle_crop
from headrace.train.data.inputs import loader_config
from headrace.train.data.labels import held_out
from headrace.train.data.normalisation import make_preprocess
from headrace.train.device.amp import Precision, choose_precision
from headrace.train.device.own_defaults import torch_defaults
from headrace.train.features.choosing import Chosen, choose
from headrace.train.features.compute import add_copy, compute
from headrace.train.features.content import hash_of_body, hash_of_samples
from headrace.train.features.logistic import PENALTIES
from headrace.train.features.store import Features, opened, stored
from headrace.train.features.tap import head_of
from headrace.train.folder.checkpoint import save_checkpoint
from headrace.train.folder.journal import Journal
from headrace.train.folder.run_folder import BEST_NAME, LAST_NAME, check_folder, make_folder
from headrace.train.models.places import own_file_parts, short_name
from headrace.train.models.spec import ModelSpec, spec_of
from headrace.train.opening.learning import seeded_augmenter
from headrace.train.opening.network import seeded_model
from headrace.train.opening.samples import open_records
from headrace.train.processes.world import World, only_process
from headrace.train.settings.config import AmpName, NormaliseName, RunConfig
from headrace.train.settings.config_file import from_flat, to_flat


@dataclass(frozen=True, kw_only=True)
class ProbeConfig:
    """Train a linear classifier on what a trained network says of images."""

    data: str = ""
    """.beton file, WebDataset shards, or an image folder."""
    model: str = "resnet18-strided"
    """As --model of training."""
    weights: str = ""
    """Weights of the network: a file (.safetensors, .pth, .pt) or run folder."""
    pretrained: Flag = False
    """Published weights in the place of a file."""
    copies: Annotated[int, arg(metavar="N")] = 0
    """Learn from so many augmented copies of each training image besides the image itself."""
    recipe: str = "flip"
    """Augmentation recipe of the copies, one that mixes no images."""
    l2: float | None = None
    """L2 penalty of the classifier; by default the one of 0.1 to 0.00001 that does best on
    --val-split."""
    features: str = ""
    """Folder of the features, computed where it is not there; by default one of runs/features."""
    out: str = ""
    """Run folder; by default runs/DATA-MODEL-NUMBER."""
    overwrite: Flag = False
    """Replace the run that --out holds."""
    train_split: str = "train"
    """Split to learn from, or several, as in training."""
    val_split: str = "val"
    """Split to measure on, or several."""
    crop: CropConfig = field(default_factory=CropConfig)
    normalise: NormaliseName = "auto"
    """As in training."""
    batch_size: Annotated[int, arg(metavar="N")] = 128
    """Images that go through the network at once."""
    decode: DecodeConfig = field(default_factory=DecodeConfig)
    seed: int = 0
    """Of the copies' crops and augmentation."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    amp: AmpName = "auto"
    """Mixed precision of the network, as in training."""
    json: JsonFile = None
    """Write the run folder, the penalty and the metrics here."""

    def __post_init__(self) -> None:
        check_least(self, 0, "copies")
        check_least(self, 1, "batch_size")
        if self.crop.size_schedule:
            raise ConfigError(
                "--size-schedule is for training, where sizes change between epochs; features are "
                "computed at one size, --size"
            )
        if self.l2 is not None and not self.l2 >= 0:
            raise ConfigError(f"--l2 is {self.l2}, expected 0 or more")
        if not (self.weights or self.pretrained or own_file_parts(self.model)):
            raise ConfigError(
                f"the features of {self.model} would be those of random weights; give --weights or "
                "--pretrained"
            )

    def as_run(self) -> RunConfig:
        """The settings as those of the run whose folder is written: of a head trained alone."""
        own = flat(self)
        for name in ("copies", "l2", "features", "json"):
            del own[name]
        return from_flat({**own, "train_last": 1, "epochs": 1}, "settings")


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What a probe works with, opened."""

    asked: ProbeConfig
    config: RunConfig
    records: Records
    classes: tuple[str, ...]
    spec: ModelSpec
    model: nn.Module
    preprocess: Preprocess
    precision: Precision


@torch_defaults()
def probe(asked: ProbeConfig) -> Path:
    """Computes what is not there yet, fits the classifier, and writes the run folder.

    Raises:
        HeadraceError: for data that cannot be learnt from, a network without a linear head, or
            features of something else.
    """
    began = time.perf_counter()
    check_json(asked.json)
    with ExitStack() as resources:
        opened_probe = _open(asked, resources)
        config = opened_probe.config
        check_folder(config)
        place = _features(opened_probe)
        fitting = time.perf_counter()
        chosen = choose(
            opened(place, "train"),
            opened(place, "val") if _is_held_out(opened_probe) else None,
            PENALTIES if asked.l2 is None else (asked.l2,),
            len(opened_probe.classes),
            opened_probe.precision.device,
            lambda penalty, scores: print(
                f"--l2 {penalty:g}: {asked.val_split} accuracy {scores.accuracy:.4f}"
            ),
        )
        print(f"fitted in {time.perf_counter() - fitting:.1f} s, with --l2 {chosen.penalty:g}")
        lock = resources.enter_context(make_folder(config))
        journal = Journal(lock.folder, enabled=True, tensorboard=False)
        resources.callback(journal.close)
        seconds = time.perf_counter() - began
        _write(opened_probe, journal, chosen, seconds)
    scores = chosen.scores
    told = {
        "run": lock.folder,
        "l2": chosen.penalty,
        "split": asked.val_split,
        "metrics": {} if scores is None else {**scores.plain(), "loss": scores.loss},
    }
    write_json(asked.json, told)
    if scores is not None:
        print(f"{asked.val_split} accuracy {scores.accuracy:.4f}, loss {scores.loss:.3f}")
    print(f"run folder: {lock.folder}")
    return lock.folder


def _open(asked: ProbeConfig, resources: ExitStack) -> Probe:
    records, classes = open_records(asked.as_run(), resources)
    config = settle_crop(asked.as_run(), records, print)
    device = only_process(asked.device)
    preprocess = make_preprocess(config.model, config.data.crop, records, None, print)
    spec = spec_of(config.model, len(classes), config.data.crop.side(train=False))
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        model = seeded_model(spec, config, True, device, print)
    head_of(model)
    if asked.l2 is None and not len(held_out(records, asked.val_split)):
        raise ConfigError(
            f"there is no split {asked.val_split!r} to choose the penalty on; name one with "
            "--val-split, or give --l2 (0.001, say)"
        )
    return Probe(
        asked=asked,
        config=config,
        records=records,
        classes=classes,
        spec=spec,
        model=model.eval(),
        preprocess=preprocess,
        precision=choose_precision(asked.amp, device),
    )


def _is_held_out(probe: Probe) -> bool:
    return bool(len(held_out(probe.records, probe.asked.val_split)))


def _features(probe: Probe) -> Path:
    """The folder of the features, which are there now."""
    about = _about(probe)
    key = hashlib.sha256(repr(sorted(about.items())).encode()).hexdigest()[:8]
    stem = f"{resolved(probe.asked.data).stem}-{short_name(probe.asked.model)}-{key}"
    place = Path(probe.asked.features or Path("runs/features") / stem)
    began = time.perf_counter()
    if stored(place, about, lambda folder: _compute(probe, folder)):
        print(f"features: {place}, computed before")
    else:
        print(f"features: {place}, computed in {time.perf_counter() - began:.1f} s")
    return place


def _about(probe: Probe) -> dict[str, str]:
    """What the features depend on, by kind."""
    asked, splits = probe.asked, (probe.asked.train_split, probe.asked.val_split)
    precision = probe.precision  # as it is here: --amp auto is not alike on all machines
    drawn = (asked.copies, asked.recipe, asked.seed, flat(probe.config.data.crop))
    return {
        "data": hash_of_samples(probe.records, splits),
        "model": hash_of_body(probe.model),
        "view": hashlib.sha256(repr(probe.preprocess.to_dict()).encode()).hexdigest()[:16],
        # A kind of device rounds in its own way, and its random numbers cut and augment the copies.
        "precision": f"{precision.name} on {precision.device.type}",
        "copies": hashlib.sha256(repr(drawn if asked.copies else 0).encode()).hexdigest()[:16],
    }


def _compute(probe: Probe, folder: Path) -> None:
    asked, config, precision = probe.asked, probe.config, probe.precision
    told = loader_config(config, World(), precision.device, train=False, tail="keep")

    def whole(name: str, split: str, copies: int) -> Features:
        with open_loader(probe.records, dataclasses.replace(told, split=split)) as loader:
            return compute(folder, name, probe.model, loader, probe.preprocess, precision, copies)

    if _is_held_out(probe):
        whole("val", asked.val_split, 0)
    found = whole("train", asked.train_split, asked.copies)
    if not asked.copies:
        return
    told = loader_config(config, World(), precision.device, train=True, tail="keep")
    augmenter = seeded_augmenter(config, len(probe.classes), probe.preprocess, precision, World())
    with open_loader(probe.records, told) as loader:
        for copy in range(1, 1 + asked.copies):
            add_copy(found, copy, probe.model, loader, augmenter, precision)


def _write(probe: Probe, journal: Journal, chosen: Chosen, seconds: float) -> None:
    """Gives the network its head and writes it; last.pt too, so that no run begins here anew."""
    head, scores = head_of(probe.model), chosen.scores
    with torch.no_grad():
        head.weight.copy_(chosen.linear.weight)
        head.bias.copy_(chosen.linear.bias)
    measured = {} if scores is None else {f"val_{k}": v for k, v in scores.plain().items()}
    if scores is not None:
        measured["val_loss"] = scores.loss
    parameters = sum(weight.numel() for weight in probe.model.parameters())
    trained = sum(weight.numel() for weight in head.parameters())
    told = {"parameters": parameters, "trained_parameters": trained, "probe": True}
    journal.row("start", {"global_step": 0, **told, "config": to_flat(probe.config)})
    row = {"epoch": 0, "global_step": 1, "l2": chosen.penalty, "seconds": seconds}
    journal.row("epoch", {**row, **measured})
    best = {"best_accuracy": None if scores is None else scores.accuracy, "best_epoch": 0}
    journal.row("end", {"epochs": 1, **best, "seconds": {"total": seconds}})
    content = {
        "model": probe.spec.to_dict(),
        "classes": list(probe.classes),
        "preprocess": probe.preprocess.to_dict(),
        "config": to_flat(probe.config),
        "scores": {
            "epochs_done": 1,
            "global_step": 1,
            "accuracy": None if scores is None else scores.accuracy,
        },
        "weights": {name: value.cpu() for name, value in probe.model.state_dict().items()},
    }
    for name in (BEST_NAME, LAST_NAME):
        save_checkpoint(journal.folder / name, content)


@outliving_readers()
def main() -> None:
    probe(parse(ProbeConfig, called("probe")))


if __name__ == "__main__":
    run_command(main)
