"""How large the pages of a .beton are made, where its user does not say."""

from __future__ import annotations

import os
from contextlib import suppress

from headrace.pipeline.containers.beton import DEFAULT_PAGE_SIZE, MIN_PAGE_SIZE
from headrace.pipeline.containers.beton_writer import MAX_PAGE_SIZE
from headrace.pipeline.layouts.listing import Listing
from headrace.tools.packing.encode import EncodeConfig

# Below this the few whole pages of a file outweigh what is lost at the end of each page.
SMALL_SET_BYTES = 1 << 29


def choose_page_size(listing: Listing, config: EncodeConfig) -> int:
    """FFCV's default, smaller for small data sets, larger where large samples need it."""
    if config.format == "raw" and config.max_side:
        return min(max(DEFAULT_PAGE_SIZE, _power_of_two(3 * config.max_side**2)), MAX_PAGE_SIZE)
    total = largest = 0
    for path in listing.paths:
        with suppress(OSError):  # reported when it is read
            size = os.stat(f"{listing.root}/{path}").st_size  # noqa: PTH116 (millions of them)
            total, largest = total + size, max(largest, size)
        if config.max_side and total >= SMALL_SET_BYTES:
            return DEFAULT_PAGE_SIZE
    if config.format == "raw":
        return min(max(4 * DEFAULT_PAGE_SIZE, _power_of_two(32 * largest)), MAX_PAGE_SIZE)
    # A file that is encoded anew may grow, as a WebP does.
    needed = min(_power_of_two(4 * largest), MAX_PAGE_SIZE)
    return max(MIN_PAGE_SIZE if total < SMALL_SET_BYTES else DEFAULT_PAGE_SIZE, needed)


def _power_of_two(num_bytes: int) -> int:
    """The smallest power of two that is at least this."""
    return 1 << max(0, num_bytes - 1).bit_length()
