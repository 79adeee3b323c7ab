"""docs/reference/formats.md has the bytes that the code has."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from headrace.pipeline.containers import beton, checksums, level_table, manifest, shard_tables
from headrace.pipeline.containers.manifest import LevelsPlace, Manifest
from headrace.pipeline.containers.pack_report import PackReport
from headrace.train.folder import checkpoint, parts, run_folder

PAGE = (Path(__file__).resolve().parents[2] / "docs/reference/formats.md").read_text()
TABLES = {
    "The header": beton.HEADER,
    "A field": beton.FIELD,
    "The pointers": beton.POINTERS,
    "A sample": beton.SAMPLE,
    "An allocation": beton.ALLOCATION,
    "A level": level_table.LEVEL,
    "The manifest": manifest.HEADER,
    "A sample of a shard": shard_tables.SAMPLE,
}


def section(title: str) -> str:
    (found,) = re.findall(rf"^##+ {re.escape(title)}\n(.*?)(?=^##|\Z)", PAGE, re.M | re.S)
    assert isinstance(found, str)
    return found


def told(dtype: np.dtype) -> str:
    """A type as the page writes it."""
    base, shape = dtype.subdtype or (dtype, ())
    return f"`{base.str.lstrip('<|')}`{''.join(f' x {count}' for count in shape)}"


@pytest.mark.parametrize("title", TABLES)
def test_a_table_is_that_of_the_code(title: str) -> None:
    dtype = TABLES[title]
    assert dtype.fields is not None
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \| ([^|]*?) \|", section(title), re.M)
    assert rows == [
        (str(offset), name, told(kind))
        for name, (kind, offset, *_) in sorted(dtype.fields.items(), key=lambda item: item[1][1])
    ]


def test_sizes_and_marks() -> None:
    assert f"| header | {beton.HEADER.itemsize} |" in PAGE
    assert f"| fields | 2 x {beton.FIELD.itemsize} |" in PAGE
    assert f"| samples | {beton.SAMPLE.itemsize} x N |" in PAGE
    assert f"| allocations | {beton.ALLOCATION.itemsize} x N |" in PAGE
    assert f"| table of levels | {level_table.LEVEL.itemsize} x N x L |" in PAGE
    sums = checksums.TABLES_SUM.itemsize, checksums.SUM.itemsize
    assert f"| checksums | {sums[0]} + {sums[1]} x N x (1 + L) |" in PAGE
    for magic in (beton.MANIFEST_MAGIC, beton.SUMS_MAGIC, manifest.MAGIC):
        assert f"`{magic.decode()}`" in PAGE
    assert f"at least {beton.MIN_PAGE_SIZE >> 20} MiB" in PAGE


def test_keys_of_the_manifest() -> None:
    whole = Manifest(
        report=PackReport(layout="names"),
        levels=LevelsPlace(offset=1, count=1),
        synthetic={"generator": "x"},
    )
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", section("The manifest"), re.M)
    named = [name.strip("`") for row in rows for name in row.split(", ")]
    assert named == list(whole.to_json())


def test_files_and_keys_of_a_run() -> None:
    files = re.findall(r"^\| `(\w+\.\w+)` \|", section("A run folder"), re.M)
    names = {name for key, name in vars(run_folder).items() if key.endswith("_NAME")}
    assert set(files) == names - {run_folder.TRACE_NAME, run_folder.LOCK_NAME}
    text = section("A checkpoint")
    keys = set(re.findall(r"`(\w+)`", text))
    assert {*checkpoint.REQUIRED, *parts.PARTS, "format", "scores"} <= keys
    assert f"| `format` | {checkpoint.FORMAT} |" in text
