"""A contact sheet: samples of every class side by side, with the class names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from headrace.pipeline.errors import BadSampleError
from headrace.pipeline.output_files import written
from headrace.pipeline.records import Records
from headrace.tools.packing.class_rows import class_title

TILE_PX = 112
GAP_PX = 6
_TEXT_PX = 13
_ROWS_MAX = 40
PAPER, INK, FAINT, ALARM = (250, 250, 248), (25, 25, 25), (130, 130, 130), (200, 30, 30)


def draw_contact_sheet(records: Records, path: Path, columns: int) -> str:
    """Draws one row per class (without labels: rows of any samples) and writes a PNG.

    Args:
        records: what to show.
        path: of the PNG.
        columns: samples per row.

    Returns:
        What the sheet says of classes that it leaves out, "" where it shows all.
    """
    rows, num_groups = _rows(records, columns, np.random.Generator(np.random.Philox(key=0)))
    left_out = "" if len(rows) >= num_groups else left_out_line(len(rows), num_groups)
    font = ImageFont.load_default(_TEXT_PX)
    margin = 14 + max(round(font.getlength(text)) for *texts, _ in rows for text in texts)
    step = TILE_PX + GAP_PX
    foot_px = 2 * _TEXT_PX if left_out else 0
    height = len(rows) * step + GAP_PX + foot_px
    sheet = Image.new("RGB", (margin + columns * step + GAP_PX, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    for row, (title, subtitle, indices) in enumerate(rows):
        top = GAP_PX + row * step
        draw.text((8, top + TILE_PX // 2 - _TEXT_PX), title, INK, font)
        draw.text((8, top + TILE_PX // 2 + 3), subtitle, FAINT, font)
        for column, index in enumerate(indices):
            left = margin + column * step
            if not place_tile(sheet, records, index, (left, top)):
                draw.text((left + 6, top + 6), f"#{index} bad", ALARM, font)
    draw.text((8, len(rows) * step + GAP_PX), left_out, ALARM, font)
    with written(path) as file:
        sheet.save(file, "PNG")
    return left_out


def left_out_line(shown: int, there: int) -> str:
    """Of a sheet that does not show all classes."""
    return f"{shown} of {there} classes shown"


def _rows(
    records: Records, columns: int, rng: np.random.Generator
) -> tuple[list[tuple[str, str, list[int]]], int]:
    """Title, subtitle and samples of each row, and how many rows all classes would have."""
    rows = []
    order = rng.permutation(len(records))
    labels = records.labels[order]
    values = np.unique(labels)
    if len(values) == 1 and values[0] < 0:  # no labels at all: fill several rows
        chosen = order[: 6 * columns].tolist()
        starts = range(0, len(chosen), columns)
        return [(f"{s} ...", "", chosen[s : s + columns]) for s in starts], len(starts)
    named_first = sorted(values.tolist(), key=lambda v: (v < 0, v))
    for value in named_first[:_ROWS_MAX]:
        members = order[labels == value]
        title = class_title(records.manifest.classes, value)
        rows.append((title, f"{len(members)} images", members[:columns].tolist()))
    return rows, len(named_first)


def place_tile(sheet: Image.Image, records: Records, index: int, corner: tuple[int, int]) -> bool:
    """Puts a sample on a sheet, in its own shape and at most TILE_PX wide and high.

    Args:
        sheet: is drawn on.
        records: what it is decoded from.
        index: of the sample.
        corner: left and top of its tile, px.

    Returns:
        Whether it could be decoded; if not, a frame stands there.
    """
    left, top = corner
    try:
        picture = Image.fromarray(records.decode(index))
    except BadSampleError:
        frame = (left, top, left + TILE_PX, top + TILE_PX)
        ImageDraw.Draw(sheet).rectangle(frame, outline=ALARM)
        return False
    picture.thumbnail((TILE_PX, TILE_PX), Image.Resampling.BILINEAR)
    across, down = (TILE_PX - picture.width) // 2, (TILE_PX - picture.height) // 2
    sheet.paste(picture, (left + across, top + down))
    return True
