"""The picture of a preview: blocks of normalised images with their labels and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from headrace.pipeline.atomic import replacing

_TILE_PX, _GAP_PX, _TEXT_PX = 128, 8, 12
_LINE_PX = _TEXT_PX + 3
_SHOWN = 2.5  # normalised value drawn as white; its negative is black
_PAPER, _INK, _FAINT, _ALARM = (250, 250, 248), (25, 25, 25), (120, 120, 120), (200, 30, 30)


@dataclass(frozen=True, kw_only=True)
class Block:
    """One recipe.

    Attributes:
        title: heading.
        values: (draws, samples, H, W, C) float32, normalised.
        captions: for each draw the label of each sample.
        alarm: what is wrong, or "".
    """

    title: str
    values: np.ndarray
    captions: list[list[str]]
    alarm: str = ""

    def summary(self) -> str:
        """Mean and deviation of the numbers; they should be near 0 and 1."""
        return f"mean {self.values.mean():+.2f}, std {self.values.std():.2f}"

    def is_normalised(self) -> bool:
        """False for numbers that no network was meant to get, such as bytes or 0..1.

        A recipe may darken and blank, so this is wide; a few dark photos must not trip it.
        """
        return bool(abs(self.values.mean()) < 1.2 and 0.45 < self.values.std() < 2.0)


def draw_sheet(blocks: Sequence[Block], names: Sequence[str], path: Path) -> None:
    """Writes a PNG: a row for each sample with its file name, a column for each draw.

    Args:
        blocks: from top to bottom.
        names: file name of each sample.
        path: of the PNG.
    """
    font = ImageFont.load_default(_TEXT_PX)
    shown = [Path(name).name for name in names]
    margin = 2 * _GAP_PX + max(round(font.getlength(_cut(name))) for name in shown)
    columns = max(len(block.values) for block in blocks)
    row_px = _TILE_PX + 2 * _LINE_PX + _GAP_PX
    heights = [2 * _LINE_PX + _GAP_PX + len(shown) * row_px for _ in blocks]
    width = max(margin + columns * (_TILE_PX + _GAP_PX), 520)
    sheet = Image.new("RGB", (width, sum(heights) + _GAP_PX), _PAPER)
    draw = ImageDraw.Draw(sheet)
    top = _GAP_PX
    for block, height in zip(blocks, heights, strict=True):
        _draw_block(sheet, draw, font, block, shown, (margin, top))
        top += height
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        sheet.save(file, "PNG")


def _draw_block(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    block: Block,
    names: Sequence[str],
    corner: tuple[int, int],
) -> None:
    margin, top = corner
    room = sheet.width - 2 * _GAP_PX
    draw.text((_GAP_PX, top), _fit(block.title, font, room), _INK, font)
    sane = block.is_normalised()
    line = block.summary() if sane else f"{block.summary()}: NOT NORMALISED?"
    line = f"{line}  {block.alarm}" if block.alarm else line
    colour = _FAINT if sane and not block.alarm else _ALARM
    draw.text((_GAP_PX, top + _LINE_PX), line, colour, font)
    top += 2 * _LINE_PX + _GAP_PX // 2
    for row, name in enumerate(names):
        y = top + row * (_TILE_PX + 2 * _LINE_PX + _GAP_PX)
        draw.text((_GAP_PX, y + _TILE_PX // 2 - _TEXT_PX), _cut(name), _INK, font)
        for column, values in enumerate(block.values):
            x = margin + column * (_TILE_PX + _GAP_PX)
            sheet.paste(as_shown(values[row]), (x, y))
            for number, text in enumerate(_lines(block.captions[column][row], font)):
                draw.text((x, y + _TILE_PX + 1 + number * _LINE_PX), text, _FAINT, font)


def as_shown(values: np.ndarray) -> Image.Image:
    """(H, W, C) normalised to a tile: gray is 0, black -2.5 and white +2.5, whatever the data.

    The range is fixed. One that undid the normalisation would look right with any mistake in it.
    """
    level = (values / (2 * _SHOWN) + 0.5).clip(0, 1) * 255
    pixels = np.repeat(level, 3, 2) if level.shape[2] == 1 else level
    image = Image.fromarray(pixels.round().astype(np.uint8))
    longest = max(image.size)
    kind = Image.Resampling.NEAREST if longest < _TILE_PX else Image.Resampling.BILINEAR
    width, height = (max(1, round(side * _TILE_PX / longest)) for side in image.size)
    tile = Image.new("RGB", (_TILE_PX, _TILE_PX), _PAPER)
    tile.paste(
        image.resize((width, height), kind), ((_TILE_PX - width) // 2, (_TILE_PX - height) // 2)
    )
    return tile


def _cut(name: str, length: int = 22) -> str:
    return name if len(name) <= length else f"{name[: length - 9]}…{name[-8:]}"


def _fit(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, room: int) -> str:
    while text and font.getlength(text) > room:
        text = text[:-2].rstrip("…") + "…"
    return text


def _lines(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> list[str]:
    """A caption in at most two lines; shares of a mixed label stay whole."""
    if font.getlength(text) <= _TILE_PX or " + " not in text:
        return [_fit(text, font, _TILE_PX)]
    first, rest = text.split(" + ", 1)
    return [_fit(first, font, _TILE_PX), _fit(f"+ {rest}", font, _TILE_PX)]
