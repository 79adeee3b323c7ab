#!/usr/bin/env python3
"""Draw the pictures of docs/augmentation.md: each operation at a few strengths.

    tools/draw_operations.py docs/img/augment

One PNG for each operation, on a picture of the sample data set, made by the augmenter itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from PIL import Image
from tyro.conf import Positional, arg

from headrace.augment import Preprocess, build_augmenter
from headrace.pipeline.command_line import run_command
from headrace.pipeline.flags import parse
from headrace.tools.painting.scene import render
from headrace.tools.painting.textures import make_textures

_TILE_PX, _GAP_PX, _COLOURS = 72, 3, 96
_PLAIN = Preprocess(size=_TILE_PX, mean=(0.0,) * 3, std=(1.0,) * 3)
_MEAN = [124, 116, 104]
_LABELS = (9, 5, 10, 3)  # foods that are told apart at this size


def _steps(op: str, key: str, values: Sequence[float], **more: Any) -> list[list[Any]]:
    """One recipe for each value, with the value as both ends of the range."""
    return [[{"op": op, key: [value, value], "p": 1.0, **more}] for value in values]


def _always(op: str, count: int = 1, **more: Any) -> list[list[Any]]:
    return [[{"op": op, "p": 1.0, **more}]] * count


PICTURES: dict[str, list[list[Any]]] = {
    "rotate": _steps("rotate", "degrees", (-30, -10, 15, 30)),
    "shear_x": _steps("shear_x", "degrees", (-20, -8, 8, 20)),
    "shear_y": _steps("shear_y", "degrees", (-20, -8, 8, 20)),
    "translate_x": _steps("translate_x", "share", (-0.3, -0.1, 0.1, 0.3)),
    "translate_y": _steps("translate_y", "share", (-0.3, -0.1, 0.1, 0.3)),
    "scale": _steps("scale", "factor", (0.6, 0.8, 1.25, 1.6)),
    "hflip": _always("hflip"),
    "vflip": _always("vflip"),
    "perspective": _always("perspective", 4),
    "crop": [[{"op": "crop", "padding": 0.25}]] * 4,
    "brightness": _steps("brightness", "factor", (0.3, 0.7, 1.4, 1.9)),
    "contrast": _steps("contrast", "factor", (0.2, 0.6, 1.4, 1.9)),
    "solarize": _steps("solarize", "threshold", (0.8, 0.6, 0.4, 0.2)),
    "posterize": _steps("posterize", "bits", (6, 4, 3, 2)),
    "autocontrast": _always("autocontrast"),
    "equalize": _always("equalize"),
    "invert": _always("invert"),
    "gamma": _steps("gamma", "exponent", (0.5, 0.75, 1.5, 2.0)),
    "saturation": _steps("saturation", "factor", (0.0, 0.5, 1.5, 2.0)),
    "hue": _steps("hue", "turns", (-0.3, -0.1, 0.1, 0.3)),
    "grayscale": _always("grayscale"),
    "channel_mix": _always("channel_mix", 4, strength=0.7),
    "jitter": [
        [{"op": "jitter", "brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1}]
    ]
    * 4,
    "sharpness": _steps("sharpness", "factor", (0.0, 0.5, 2.0, 4.0)),
    "blur": _steps("blur", "sigma", (0.5, 1.0, 2.0, 4.0)),
    "cutout": _always("cutout", 4, length=0.4, fill=_MEAN),
    "erasing": [*_always("erasing", 2, fill=_MEAN), *_always("erasing", 2, fill="noise")],
    "mixup": _always("mixup", 4),
    "cutmix": _always("cutmix", 4),
    "ricap": _always("ricap", 4, beta=2.0),
    "trivial": [["trivial"]] * 5,
    "rand": [["rand"]] * 5,
    "auto": [["auto"]] * 5,
    "augmix": [["augmix"]] * 5,
}


@dataclass(frozen=True, kw_only=True)
class DrawSettings:
    """Draw the pictures of docs/augmentation.md: each operation at a few strengths."""

    out: Annotated[Path, Positional, arg(metavar="DIR")]
    """Folder for the pictures."""


def photos() -> torch.Tensor:
    """(4, 3, S, S) uint8: pictures of the sample data set."""
    textures = make_textures(0)
    tiles = []
    for number, label in enumerate(_LABELS):
        rng = np.random.Generator(np.random.Philox(key=number))
        picture = Image.fromarray(render(rng, textures, label, 4 * _TILE_PX, 4 * _TILE_PX))
        tiles.append(np.asarray(picture.resize((_TILE_PX, _TILE_PX), Image.Resampling.BOX)))
    return torch.from_numpy(np.stack(tiles)).permute(0, 3, 1, 2)


def draw_picture(images: torch.Tensor, recipes: Sequence[Any]) -> Image.Image:
    """The first image, then what each recipe makes of it."""
    tiles = [images[0]]
    labels = torch.zeros(len(images), dtype=torch.int64)
    for seed, recipe in enumerate(recipes):
        aug = build_augmenter(recipe, num_classes=1, seed=seed, preprocess=_PLAIN)
        out, _ = aug(images, labels)
        tiles.append((out[0] * 255).round().to(torch.uint8))
    step = _TILE_PX + _GAP_PX
    sheet = Image.new("RGB", (step * len(tiles) - _GAP_PX, _TILE_PX), (255, 255, 255))
    for place, tile in enumerate(tiles):
        sheet.paste(Image.fromarray(tile.permute(1, 2, 0).numpy()), (place * step, 0))
    return sheet.quantize(_COLOURS, dither=Image.Dither.NONE)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; see the module's text."""
    out = parse(DrawSettings, "tools/draw_operations.py", arguments).out
    out.mkdir(parents=True, exist_ok=True)
    images = photos()
    total_bytes = 0
    for name, recipes in PICTURES.items():
        path = out / f"{name}.png"
        draw_picture(images, recipes).save(path, "PNG", optimize=True)
        total_bytes += path.stat().st_size
    print(f"wrote {len(PICTURES)} pictures to {out}, {total_bytes / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    run_command(main)
