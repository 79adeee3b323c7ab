"""--tensorboard-media: what a run looks like, in TensorBoard: graph, augmented batch, features.

Source: docs.pytorch.org/docs/stable/tensorboard.html; the features are for its projector.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from contextlib import closing, nullcontext, suppress
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from headrace.pipeline.wording import one_line
from headrace.train.models.head import head_name, inputs_of
from headrace.train.state import Run

SHOWN = 64
"""Augmented images."""
MAPPED, THUMB_PX = 1000, 48
"""Images of which features are shown, and the side of their pictures, px."""


def show_start(run: Run, say: Callable[[str], None]) -> None:
    """The graph and a batch as it is learnt from; nothing of the run is moved by it."""
    events = run.journal.events
    if events is None:
        return
    before = run.augmenter.state_dict()
    batches: Any = run.train_loader.epoch(run.progress.epoch)
    with closing(batches):
        batch = next(batches)
    images, _ = run.augmenter(batch.images, batch.labels)
    run.augmenter.load_state_dict(before)
    events.add_images("train/augmented", _visible(run, images[:SHOWN]), run.progress.global_step)

    def add_graph() -> None:
        model = copy.deepcopy(run.model).eval()  # tracing runs it
        events.add_graph(model, images[:1].float(), use_strict_trace=False)

    _attempt(add_graph, say)


def show_end(run: Run, say: Callable[[str], None]) -> None:
    """Where the judged model puts held-out images, or training ones where nothing is held out."""
    events = run.journal.events
    if events is None:
        return
    loader = run.val_loader or run.train_loader
    model = run.average.model.eval()
    rows: list[Tensor] = []
    labels: list[int] = []
    thumbs: list[Tensor] = []
    batches: Any = loader.epoch(0)
    with closing(batches), torch.no_grad():
        for batch in batches:
            rows.append(_features(model, run, batch.images))
            labels += batch.labels.tolist()
            small = interpolate(batch.images.float(), (THUMB_PX, THUMB_PX), mode="area")
            thumbs.append(small.cpu() / 255)
            if len(labels) >= MAPPED:
                break
    names = [run.classes[label] if label >= 0 else "no label" for label in labels[:MAPPED]]
    metadata = [" ".join(name.encode("utf-8", "replace").decode().split()) for name in names]
    features, pictures = torch.cat(rows)[:MAPPED], torch.cat(thumbs)[:MAPPED]
    step = run.progress.global_step
    _attempt(lambda: events.add_embedding(features, metadata, pictures, step, "features"), say)


def _features(model: nn.Module, run: Run, images: Tensor) -> Tensor:
    """(B, D) float32 on the CPU: what goes into the last layer, or comes out of the model."""
    name = head_name(model, len(run.classes))
    layer = model.get_submodule(name) if name else None
    # With a pooling behind it, as SqueezeNet has, that layer's input is no row for each image.
    listening = inputs_of(layer) if isinstance(layer, nn.Linear) else nullcontext(list[Tensor]())
    with listening as found:
        logits = model(run.preprocess.normalise(images))
    return (found[0] if found else logits).flatten(1).float().cpu()


def _visible(run: Run, images: Tensor) -> Tensor:
    """(B, 3, H, W) float32 in 0..1 of normalised images."""
    return (run.preprocess.undo(images) / 255).clamp(0, 1).cpu()


def _attempt(action: Callable[[], None], say: Callable[[str], None]) -> None:
    """What TensorBoard cannot show is no reason to end a run."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            action()
    except Exception as error:
        reason = one_line(error, 200)
        with suppress(OSError):
            say(f"--tensorboard-media: a part is left out ({reason})")
