"""What the network was given to learn from: the first images of an epoch, cut and augmented."""

from __future__ import annotations

from pathlib import PurePath

import numpy as np
import torch

from headrace.augment import Augmenter, build_augmenter
from headrace.pipeline.errors import HeadraceError
from headrace.pipeline.loaders.reference import reference_batch
from headrace.pipeline.plan import make_plan
from headrace.pipeline.records import Records
from headrace.pipeline.sampling import sample_weights
from headrace.pipeline.shares import mix_of
from headrace.train.reporting.elements import TIMES, Picture, Section
from headrace.train.reporting.subject import Subject
from headrace.train.settings.config import RunConfig

SHOWN, EPOCHS = 12, 2
SIDE_PX = 144


def make(subject: Subject) -> Section | None:
    """The first images of the first epochs as the augmenter leaves them."""
    if subject.records is None or subject.judged is None:
        return None
    config, judged = subject.log.config, subject.judged
    preprocess, crop = judged.member.preprocess, config.data.crop
    try:
        augmenter = build_augmenter(
            config.model.recipe,
            num_classes=len(judged.classes),
            seed=config.runtime.seed,
            preprocess=preprocess,
            pixels_of=crop.pixels_of,
        )
        groups = [
            _epoch(subject, subject.records, augmenter, epoch, config) for epoch in range(EPOCHS)
        ]
    except (HeadraceError, OSError) as error:
        subject.gaps.append(f"The augmented images are missing: {error}")
        return None
    recipe = config.model.recipe
    plan = config.data.plan(True, config.optim.epochs)
    sizes = dict.fromkeys(TIMES.join(map(str, plan.at(n).shape)) for n in range(EPOCHS))
    return Section(
        id="augmented",
        title="What it learnt from",
        values={
            "groups": [group for group in groups if group],
            "recipe": recipe if isinstance(recipe, str) else "of its own steps",
            "crop": crop.mode(train=True),
            "size": " and ".join(sizes),
        },
    )


def _epoch(
    subject: Subject, records: Records, augmenter: Augmenter, epoch: int, config: RunConfig
) -> list[Picture]:
    data = config.data
    chosen = records.select(data.train_split)
    weights = sample_weights(data.sampling, records, chosen)
    settings = data.plan(True, config.optim.epochs, config.runtime.seed)
    mix = mix_of(records, chosen, data.sampling)
    plan = make_plan(
        records.heights, records.widths, chosen, settings, epoch, weights, records.levels, mix
    )
    count = min(SHOWN, data.batch_size, len(plan.indices))
    images = reference_batch(records, plan, range(count), plan.shape)
    indices = plan.indices[:count]
    labels = torch.from_numpy(records.labels[indices])
    out, targets = augmenter(images, labels)
    pictures = []
    for slot in range(count):
        pixels = _as_bytes(augmenter.preprocess.undo(out[slot : slot + 1])[0])
        taken = subject.budget.take(pixels, SIDE_PX)
        if taken is None:
            break
        uri, width, height = taken
        name = PurePath(records.name(int(indices[slot]))).name
        lines = shares(targets[slot], subject.judged.classes if subject.judged else [])
        alt = f"{name}, augmented: {', '.join(lines)}"
        pictures.append(
            Picture(uri=uri, alt=alt, width=width, height=height, title=name, lines=lines)
        )
    return pictures


def _as_bytes(values: torch.Tensor) -> np.ndarray:
    """(C, H, W) of about 0..255 to (H, W, 3) uint8."""
    pixels = values.permute(1, 2, 0).round().clamp(0, 255).byte().numpy()
    return pixels if pixels.shape[2] == 3 else np.repeat(pixels, 3, 2)


def shares(target: torch.Tensor, classes: list[str]) -> list[str]:
    """A class' name, or those of a mixed target with their shares, largest first."""
    if target.ndim == 0:
        return [classes[int(target)]]
    values, order = target.float().sort(descending=True)
    # Label smoothing is the loss' affair: what is spread over all classes is not in the target.
    found = [(float(v), classes[int(c)]) for v, c in zip(values, order, strict=True) if v > 0.005]
    if len(found) == 1:
        return [found[0][1]]
    return [f"{100 * share:.0f}% {name}" for share, name in found[:3]]
