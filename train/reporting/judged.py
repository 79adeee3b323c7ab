"""What a run's best checkpoint says about the held-out samples: asked once, for all sections."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import nn

from headrace.pipeline.backend import LoaderConfig
from headrace.pipeline.batch import Batch
from headrace.pipeline.device import resolve_device
from headrace.pipeline.errors import ConfigError
from headrace.pipeline.flat_settings import nearest
from headrace.pipeline.loader import open_loader
from headrace.pipeline.plan import PlanConfig
from headrace.pipeline.records import Records
from headrace.train.data.labels import check_range
from headrace.train.data.real_only import check_real
from headrace.train.data.resized import resized
from headrace.train.device.amp import Precision, choose_precision
from headrace.train.evaluation.inference import answer
from headrace.train.evaluation.members import Member, check_classes, load_members
from headrace.train.evaluation.outcome import Outcome, check_numbers
from headrace.train.metrics import metric_of
from headrace.train.models.head import head_name
from headrace.train.reporting.asked import ReportConfig
from headrace.train.reporting.run_log import RunLog

THUMB_PX = 40
MOST_LOGITS = 20_000_000
INPUT_OF_THE_HEAD = "input of the last layer"


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What the best checkpoint says about the held-out samples.

    Attributes:
        member: the checkpoint.
        split: which samples.
        outcome: of all of them, by index; unlabelled ones too.
        names: file names, in the same order.
        classes: by label.
        layer: of which the features are.
        shown: (m,) int64 places in the outcome of a part of the samples.
        features: (m, d) float32 of those.
        thumbs: (m, h, w, 3) uint8, as the model saw those, small.
    """

    member: Member
    split: str
    outcome: Outcome
    names: list[str]
    classes: list[str]
    layer: str
    shown: np.ndarray
    features: np.ndarray
    thumbs: np.ndarray

    @cached_property
    def labelled(self) -> Outcome:
        """Of the samples that have a label."""
        return self.outcome.of(self.outcome.labels >= 0)

    @cached_property
    def labelled_names(self) -> list[str]:
        return [self.names[i] for i in np.flatnonzero(self.outcome.labels >= 0)]

    @cached_property
    def temperature(self) -> dict[str, Any]:
        """As of train/metrics/temperature.py, with the `count` of samples that it was fitted to.

        Of very many logits it is a part, evenly spread: all would take minutes.
        """
        step = 1 + self.labelled.logits.size // MOST_LOGITS
        part = self.labelled.of(np.arange(0, len(self.labelled.labels), step))
        fitted: dict[str, Any] = metric_of("temperature").compute(part, len(self.classes))
        return {**fitted, "count": len(part.labels)}


def judge(log: RunLog, records: Records, asked: ReportConfig) -> Judged:
    """Runs best.pt over the split that was held out.

    Raises:
        HeadraceError: if there is no best.pt, or nothing that it could be asked about.
    """
    (member,) = load_members([str(log.best_path)])
    check_classes(records, member.classes)
    split = asked.split or log.config.data.val_split
    if not len(records.select(split)):
        raise ConfigError(f"split {split!r} of {records.source} is empty")
    check_range(records, split, len(member.classes))
    check_real(records, records.select(split), f"split {split!r}", "judge on another, with --split")
    device = resolve_device(asked.device, "--device")
    precision = choose_precision(member.amp("run"), device)
    model = member.model(device, asked.model).eval()
    with ExitStack() as resources:
        loader = resources.enter_context(
            open_loader(records, _loader_config(log, member, split, asked, precision))
        )
        watch = _Watch(loader.plan(0).indices, asked.points, device)
        layer = resources.enter_context(watch.layer(model, asked.layer, len(member.classes)))
        batches: Any = loader.epoch(0)
        resources.enter_context(closing(batches))

        def images_of(batch: Batch) -> torch.Tensor:
            watch.see(batch)
            return member.preprocess.normalise(batch.images, precision.dtype)

        outcome = check_numbers(answer(model, batches, images_of, precision), log.best_path)
    shown, features, thumbs = watch.found(outcome)
    return Judged(
        member=member,
        split=split,
        outcome=outcome,
        names=[records.name(int(i)) for i in outcome.indices],
        classes=member.classes,
        layer=layer,
        shown=shown,
        features=features,
        thumbs=thumbs,
    )


def share_of_split(split: str, share: float) -> str:
    """An expression for a part of each class of a split; the split itself where it is one already.

    Args:
        split: a name or an expression.
        share: above 0 to 1.
    """
    if share >= 1 or not re.fullmatch(r"\w+", split):
        return split
    return f"{split}[:{max(1.0, 100 * share):.0f}%]"


def _loader_config(
    log: RunLog, member: Member, split: str, asked: ReportConfig, precision: Precision
) -> LoaderConfig:
    data = log.config.data
    decode = data.decode
    if found := log.start.get("loader"):  # `auto` has been decided, and its pixels judged
        decode = dataclasses.replace(decode, loader=found)
    if asked.workers is not None:
        decode = dataclasses.replace(decode, workers=asked.workers)
    plan = PlanConfig(crop=member.preprocess.crop, batch_size=data.batch_size, train=False)
    # As the run itself measured, unless another split was asked for.
    at_most = 0 if asked.split else data.limit_batches * data.batch_size
    return LoaderConfig(
        split=split, at_most=at_most, device=precision.device, plan=plan, decode=decode
    )


class _Watch:
    """Keeps what a layer gave, and a small picture, of some of the samples that go by.

    Args:
        indices: of all samples.
        points: of how many at most, spread evenly.
        device: of the model.
    """

    def __init__(self, indices: np.ndarray, points: int, device: torch.device) -> None:
        places = np.unique(np.linspace(0, len(indices) - 1, min(points, len(indices))).round())
        self._wanted = torch.from_numpy(indices[places.astype(np.int64)]).to(device)
        self._mask = torch.zeros(0, dtype=torch.bool)
        self._indices: list[np.ndarray] = []
        self._features: list[np.ndarray] = []
        self._thumbs: list[np.ndarray] = []

    def see(self, batch: Batch) -> None:
        """Called with each batch, before the model sees it."""
        self._mask = torch.isin(batch.indices.to(self._wanted.device), self._wanted)
        self._indices.append(batch.indices[self._mask.to(batch.indices.device)].cpu().numpy())
        images = batch.images[self._mask]
        height, width = images.shape[2:]
        scale = min(1.0, THUMB_PX / max(height, width))
        size = (max(1, round(height * scale)), max(1, round(width * scale)))
        if len(images):
            self._thumbs.append(resized(images, size).permute(0, 2, 3, 1).cpu().numpy())

    @contextmanager
    def layer(self, model: nn.Module, name: str, num_classes: int) -> Iterator[str]:
        """Listens to a layer, by name what comes out of it; by default what goes into the last."""
        modules = dict(model.named_modules())
        if name and name not in modules:
            hint = nearest(name, {key: None for key in modules if key})
            raise ConfigError(f"--layer {name}: the model has no such layer; {hint}")
        head = head_name(model, num_classes)
        if name:
            hook = modules[name].register_forward_hook(lambda _, __, out: self._keep(out))
            told = name
        elif head:
            hook = modules[head].register_forward_pre_hook(lambda _, given: self._keep(given[0]))
            told = f"{INPUT_OF_THE_HEAD} ({head})"
        else:
            hook = model.register_forward_hook(lambda _, __, out: self._keep(out))
            told = "logits"
        try:
            yield told
        finally:
            hook.remove()

    def _keep(self, out: Any) -> None:
        if isinstance(out, tuple | list):
            out = out[0]
        if out.ndim == 4:
            out = out.mean((2, 3))
        elif out.ndim == 3:  # tokens
            out = out.mean(1)
        if self._mask.any() and len(out) == len(self._mask):
            self._features.append(out[self._mask].flatten(1).float().cpu().numpy())

    def found(self, outcome: Outcome) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Places in the outcome, features and pictures, by index."""
        indices = np.concatenate(self._indices) if self._indices else np.zeros(0, np.int64)
        indices, first = np.unique(indices, return_index=True)
        empty = np.zeros((0, 0), np.float32)
        features = np.concatenate(self._features) if self._features else empty
        thumbs = np.concatenate(self._thumbs) if self._thumbs else np.zeros((0, 1, 1, 3), np.uint8)
        places = np.searchsorted(outcome.indices, indices)
        if len(features) <= first.max(initial=-1):  # the layer gave no row for each image
            features = np.zeros((len(first), 0), np.float32)
            return places, features, thumbs[first]
        return places, features[first], thumbs[first]
