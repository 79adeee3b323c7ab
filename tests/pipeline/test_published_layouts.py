"""Trees laid out as data sets are published: each is read right, or refused with the way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.pipeline.errors import ConfigError
from headrace.pipeline.layouts.config import LayoutConfig
from headrace.pipeline.layouts.discovery import discover
from headrace.pipeline.layouts.listing import Listing
from tests.pipeline.published import Published, Right
from tests.pipeline.published_folders import FOLDERS
from tests.pipeline.published_imagenet import IMAGENET
from tests.pipeline.published_lists import LISTS

PUBLISHED = FOLDERS | LISTS | IMAGENET


def _write(root: Path, published: Published) -> None:
    for path in published.images:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"x")
    for path, text in published.texts.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def _read(listing: Listing) -> Right:
    result: Right = {}
    for split, (start, stop) in listing.splits.items():
        for i in range(start, stop):
            label = int(listing.labels[i])
            result[listing.paths[i]] = split, listing.classes[label] if label >= 0 else None
    return result


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_layout(tmp_path: Path, name: str) -> None:
    published = PUBLISHED[name]
    _write(tmp_path, published)
    if published.refused:
        with pytest.raises(ConfigError, match=published.refused) as caught:
            discover(tmp_path)
        assert "--" in str(caught.value), "a refusal names the flag that decides"
        if not published.right:
            return
    flags = dict(published.flags)
    if "lists" in flags:
        flags["lists"] = tuple(map(Path, flags["lists"]))
    listing = discover(tmp_path, LayoutConfig(**flags))
    assert _read(listing) == published.right
    assert listing.why
