"""The picture of a preview: blocks of normalised images with their labels and numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from headrace.pipeline.output_files import written

_TILE_PX, _GAP_PX, _TEXT_PX = 128, 8, 12
_LINE_PX = _TEXT_PX + 3
_SHOWN = 2.5  # normalised value drawn as white; its negative is black
LEGEND = (
    f"Colours are the numbers that the model gets, each channel by itself: gray is 0, "
    f"black -{_SHOWN}, white +{_SHOWN}."
)
_PAPER, _INK, _FAINT, _ALARM = (250, 250, 248), (25, 25, 25), (120, 120, 120), (200, 30, 30)


@dataclass(frozen=True, kw_only=True)
class Block:
    """One recipe, or evaluation.

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

    def told(self) -> dict[str, Any]:
        """The same for programs."""
        mean, deviation = float(self.values.mean()), float(self.values.std())
        return {"title": self.title, "mean": mean, "std": deviation, "alarm": self.alarm}

    def shortened(self) -> Block:
        """With half a title and one draw, where there is no alarm because they differ."""
        values = self.values if self.alarm else self.values[:1]
        return dataclasses.replace(self, title=self.title.partition(":")[0], values=values)

    def is_normalised(self) -> bool:
        """False for numbers that no network was meant to get, such as bytes or 0..1.

        A recipe may darken and blank, so this is wide; a few dark photos must not trip it.
        """
        return bool(abs(self.values.mean()) < 1.2 and 0.45 < self.values.std() < 2.0)


def draw_sheet(rows: Sequence[Sequence[Block]], names: Sequence[str], path: Path) -> None:
    """Writes a PNG: what colours mean, a row for each sample, a column for each draw.

    Args:
        rows: from top to bottom, blocks that stand side by side, of the same samples.
        names: file name of each sample.
        path: of the PNG.
    """
    font = ImageFont.load_default(_TEXT_PX)
    shown = [Path(name).name for name in names]
    margin = 2 * _GAP_PX + max(round(font.getlength(_cut(name))) for name in shown)
    row_px = _TILE_PX + 2 * _LINE_PX + _GAP_PX
    height = 2 * _LINE_PX + _GAP_PX + len(shown) * row_px
    widths = [[_block_px(block, font) for block in row] for row in rows]
    width = max(margin + max(map(sum, widths)), round(font.getlength(LEGEND)) + 2 * _GAP_PX)
    head = _LINE_PX + _GAP_PX
    sheet = Image.new("RGB", (width, head + len(rows) * height + _GAP_PX), _PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((_GAP_PX, _GAP_PX), LEGEND, _FAINT, font)
    for number, row in enumerate(rows):
        left, top = margin, head + _GAP_PX + number * height
        for line, name in enumerate(shown):
            y = top + 2 * _LINE_PX + _GAP_PX // 2 + line * row_px
            draw.text((_GAP_PX, y + _TILE_PX // 2 - _TEXT_PX), _cut(name), _INK, font)
        for block, px in zip(row, widths[number], strict=True):
            room = sheet.width - left if block is row[-1] else px
            _draw_block(sheet, draw, font, block, (left, top), room - _GAP_PX)
            left += px
    with written(path) as file:
        sheet.save(file, "PNG")


def _numbers(block: Block) -> str:
    """The line under a block's title."""
    line = block.summary() if block.is_normalised() else f"{block.summary()}: NOT NORMALISED?"
    return f"{line}  {block.alarm}" if block.alarm else line


def _block_px(block: Block, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> int:
    """Width of a block with the space behind it; its numbers stay whole."""
    tiles = len(block.values) * (_TILE_PX + _GAP_PX)
    return max(tiles, round(font.getlength(_numbers(block)))) + 2 * _GAP_PX


def _draw_block(
    sheet: Image.Image,
    draw: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    block: Block,
    corner: tuple[int, int],
    room: int,
) -> None:
    left, top = corner
    draw.text((left, top), _fit(block.title, font, room), _INK, font)
    colour = _FAINT if block.is_normalised() and not block.alarm else _ALARM
    draw.text((left, top + _LINE_PX), _numbers(block), colour, font)
    top += 2 * _LINE_PX + _GAP_PX // 2
    for row in range(block.values.shape[1]):
        y = top + row * (_TILE_PX + 2 * _LINE_PX + _GAP_PX)
        for column, values in enumerate(block.values):
            x = left + column * (_TILE_PX + _GAP_PX)
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
