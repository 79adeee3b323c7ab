"""A contact sheet whose images have lines of text below them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from headrace.pipeline.output_files import written
from headrace.pipeline.records import Records
from headrace.tools.contact_sheet import ALARM, FAINT, GAP_PX, INK, PAPER, TILE_PX, place_tile

_TEXT_PX, _LINE_PX = 11, 14
_MARGIN_PX = 90


@dataclass(frozen=True, kw_only=True)
class Captioned:
    """One image of a sheet.

    Attributes:
        index: its record.
        lines: below it; one that begins with ! is drawn as what is wrong, without it.
    """

    index: int
    lines: tuple[str, ...]


def draw_captioned(
    records: Records, rows: Sequence[tuple[str, Sequence[Captioned]]], path: Path
) -> None:
    """Writes a PNG with rows of images, each row with a title in front of it.

    Args:
        records: what the images are decoded from.
        rows: one or more.
        path: of the PNG.

    Raises:
        HeadraceError: if it cannot be written.
    """
    columns = max(len(images) for _, images in rows)
    lines = max(len(image.lines) for _, images in rows for image in images)
    step, height = TILE_PX + GAP_PX, TILE_PX + lines * _LINE_PX + 2 * GAP_PX
    size = (_MARGIN_PX + columns * step + GAP_PX, len(rows) * height + GAP_PX)
    sheet = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(_TEXT_PX)
    for row, (title, images) in enumerate(rows):
        top = GAP_PX + row * height
        for number, text in enumerate(title.splitlines()):
            place = (GAP_PX, top + TILE_PX // 2 + (number - 1) * _LINE_PX)
            draw.text(place, _fit(text, font, _MARGIN_PX - GAP_PX), INK, font)
        for column, image in enumerate(images):
            left = _MARGIN_PX + column * step
            place_tile(sheet, records, image.index, (left, top))
            for number, text in enumerate(image.lines):
                colour = ALARM if text.startswith("!") else INK if number == 0 else FAINT
                place = (left, top + TILE_PX + 2 + number * _LINE_PX)
                draw.text(place, _fit(text.removeprefix("!"), font, TILE_PX), colour, font)
    with written(path) as file:
        sheet.save(file, "PNG")


def _fit(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, room_px: int) -> str:
    """The text, or its beginning and its end, which tell file names apart."""
    text = text.encode("utf-8", "replace").decode()
    if font.getlength(text) <= room_px:
        return text
    for kept in range(len(text) - 1, 0, -1):
        end = kept // 2
        short = f"{text[: kept - end]}…{text[len(text) - end :]}"
        if font.getlength(short) <= room_px:
            return short
    return ""
