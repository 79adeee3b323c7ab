"""Drawn images beside the training image that is nearest to each."""

from __future__ import annotations

from pathlib import PurePath

import numpy as np
import torch
from torch import Tensor

from headrace.pipeline.errors import HeadraceError
from headrace.pipeline.records import Records
from headrace.train.data.resized import resized
from headrace.train.generating.neighbours import COPY_SHARE
from headrace.train.reporting.elements import Picture, Section, percent
from headrace.train.reporting.generators.grid import shown_px
from headrace.train.reporting.generators.material import Drawn, GeneratorSubject, Near

SHOWN = 24
_QUALITY = 92


def make(subject: GeneratorSubject, drawn: Drawn | None, near: Near | None) -> Section | None:
    """The drawn images that are nearest to a training image, nearest first."""
    if drawn is None or near is None or subject.records is None:
        return None
    pictures = []
    for place in np.argsort(near.gaps, kind="stable")[:SHOWN].tolist():
        try:
            picture = _pair(subject, subject.records, drawn, near, place)
        except (HeadraceError, OSError) as error:
            subject.gaps.append(f"A training image is missing: {error}.")
            continue
        if picture is None:
            break
        pictures.append(picture)
    return Section(
        id="real_neighbours",
        title="Nearest real images",
        values={
            "pictures": pictures,
            "judge": near.judge,
            "count": f"{len(near.gaps):,}",
            "searched": f"{near.searched:,}",
            "copies": percent(near.copies),
            "apart": percent(1 - COPY_SHARE, 0),
            "px": 2 * shown_px(drawn.images.shape[-1]),
        },
    )


def _pair(
    subject: GeneratorSubject, records: Records, drawn: Drawn, near: Near, place: int
) -> Picture | None:
    index, side = int(near.indices[place]), drawn.images.shape[-1]
    both = torch.cat([drawn.images[place], _as_seen(records.decode(index), side)], 2)
    taken = subject.pairs.take(both.permute(1, 2, 0).numpy(), 2 * side, _QUALITY, full_colour=True)
    if taken is None:
        return None
    uri, width, height = taken
    of, name = drawn.classes[drawn.labels[place]], PurePath(records.name(index)).name
    label = int(records.labels[index])
    real = drawn.classes[label] if 0 <= label < len(drawn.classes) else "no class"
    copy = near.gaps[place] < near.allowed
    far = near.gaps[place] / near.allowed if near.allowed > 0 else float("inf")
    lines = [f"beside {real}, {name}", "a copy" if copy else f"{far:.1f} times a copy's distance"]
    alt = f"Left a drawn image of {of}, right the real image {name} of {real}"
    return Picture(uri=uri, alt=alt, width=width, height=height, title=of, lines=lines)


def _as_seen(pixels: np.ndarray, side: int) -> Tensor:
    """(3, side, side) uint8: the middle square of (H, W, 3) pixels, as a generator sees it."""
    height, width = pixels.shape[:2]
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    square = np.ascontiguousarray(pixels[top : top + short, left : left + short])
    return resized(torch.from_numpy(square).permute(2, 0, 1)[None], (side, side))[0]
