"""Images that a generator draws of each class."""

from __future__ import annotations

from headrace.train.clock import spell
from headrace.train.reporting.elements import Section
from headrace.train.reporting.generators.material import Drawn, GeneratorSubject

_LARGE_ENOUGH_PX = 64
_QUALITY = 92


def make(subject: GeneratorSubject, drawn: Drawn | None) -> Section | None:
    """A row of images for each class that finds room."""
    if drawn is None:
        return None
    asked, side = subject.asked.drawn, drawn.images.shape[-1]
    rows = []
    for label in range(len(drawn.images) // drawn.per_class):
        first = label * drawn.per_class
        images = drawn.images[first : first + min(asked.per_class, drawn.per_class)]
        taken = [
            subject.grid.take(image.permute(1, 2, 0).numpy(), side, _QUALITY, full_colour=True)
            for image in images
        ]
        if any(picture is None for picture in taken):
            break
        uris = [picture[0] for picture in taken if picture is not None]
        rows.append({"name": drawn.classes[label], "uris": uris})
    return Section(
        id="drawn",
        title="Drawn images",
        values={
            "rows": rows,
            "left_out": len(drawn.classes) - len(rows),
            "classes": len(drawn.classes),
            "px": shown_px(side),
            "side": side,
            "flow": subject.log.config.kind == "flow",
            "guidance": f"{asked.guidance:g}",
            "steps": asked.steps,
            "seed": asked.seed,
            "rate": f"{len(drawn.images) / max(1e-9, drawn.seconds):,.1f}",
            "count": f"{len(drawn.images):,}",
            "time": spell(drawn.seconds),
        },
    )


def shown_px(side: int) -> int:
    """How large an image of a side is shown: whole times as large, where it is small."""
    return side * max(1, _LARGE_ENOUGH_PX // side)
