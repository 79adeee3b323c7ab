"""How large the pages of a .beton are made, where its user does not say."""

from __future__ import annotations

import os
from contextlib import suppress

from headrace.pipeline.containers.beton import DEFAULT_PAGE_SIZE, MIN_PAGE_SIZE
from headrace.pipeline.layouts.listing import Listing
from headrace.tools.packing.encode import EncodeConfig

# Below this the few whole pages of a file outweigh what is lost at the end of each page.
SMALL_SET_BYTES = 1 << 29


def choose_page_size(listing: Listing, config: EncodeConfig) -> int:
    """FFCV's default, smaller for small data sets; the writer enlarges it for a sample's sake."""
    if config.format == "raw":
        return DEFAULT_PAGE_SIZE
    total = 0
    for path in listing.paths:
        with suppress(OSError):  # reported when it is read
            total += os.stat(f"{listing.root}/{path}").st_size  # noqa: PTH116 (millions of them)
        if total >= SMALL_SET_BYTES:
            return DEFAULT_PAGE_SIZE
    return MIN_PAGE_SIZE
