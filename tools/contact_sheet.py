"""A contact sheet: samples of every class side by side, with the class names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from headrace.pipeline.errors import BadSampleError
from headrace.pipeline.records import Records

_TILE_PX = 112
_GAP_PX = 6
_TEXT_PX = 13
_ROWS_MAX = 40
_PAPER, _INK, _FAINT, _ALARM = (250, 250, 248), (25, 25, 25), (130, 130, 130), (200, 30, 30)


def draw_contact_sheet(records: Records, path: Path, columns: int = 8, seed: int = 0) -> str:
    """Draws one row per class (without labels: rows of any samples) and writes a PNG.

    Args:
        records: what to show.
        path: of the PNG.
        columns: samples per row.
        seed: draws which samples are shown.

    Returns:
        What the sheet says of classes that it leaves out, "" where it shows all.
    """
    rows, num_groups = _rows(records, columns, np.random.Generator(np.random.Philox(key=seed)))
    left_out = "" if len(rows) >= num_groups else left_out_line(len(rows), num_groups)
    font = ImageFont.load_default(_TEXT_PX)
    margin = 14 + max(round(font.getlength(text)) for *texts, _ in rows for text in texts)
    step = _TILE_PX + _GAP_PX
    foot_px = 2 * _TEXT_PX if left_out else 0
    height = len(rows) * step + _GAP_PX + foot_px
    sheet = Image.new("RGB", (margin + columns * step + _GAP_PX, height), _PAPER)
    draw = ImageDraw.Draw(sheet)
    for row, (title, subtitle, indices) in enumerate(rows):
        top = _GAP_PX + row * step
        draw.text((8, top + _TILE_PX // 2 - _TEXT_PX), title, _INK, font)
        draw.text((8, top + _TILE_PX // 2 + 3), subtitle, _FAINT, font)
        for column, index in enumerate(indices):
            left = margin + column * step
            try:
                tile = _tile(records.decode(index))
            except BadSampleError:
                draw.rectangle((left, top, left + _TILE_PX, top + _TILE_PX), outline=_ALARM)
                draw.text((left + 6, top + 6), f"#{index} bad", _ALARM, font)
                continue
            sheet.paste(
                tile, (left + (_TILE_PX - tile.width) // 2, top + (_TILE_PX - tile.height) // 2)
            )
    draw.text((8, len(rows) * step + _GAP_PX), left_out, _ALARM, font)
    sheet.save(path, "PNG")
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
        classes = records.manifest.classes
        if value < 0:
            title = "no label"
        else:
            title = classes[value] if value < len(classes) else f"class {value}"
        rows.append((title, f"{len(members)} images", members[:columns].tolist()))
    return rows, len(named_first)


def _tile(image: np.ndarray) -> Image.Image:
    picture = Image.fromarray(image)
    picture.thumbnail((_TILE_PX, _TILE_PX), Image.Resampling.BILINEAR)
    return picture
