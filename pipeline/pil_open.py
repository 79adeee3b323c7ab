"""Opens image files by PIL, with the limit of pixels that it comes with.

`PIL.Image.MAX_IMAGE_PIXELS` is the whole process'. A caller who has lowered it, for uploads say,
means those, and would lose images of a data set by it; one who has raised it means all.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from PIL import Image, ImageFile

_USUAL = 1024**3 // 4 // 3
"""What PIL sets it to."""


@contextmanager
def opened(file: Path | IO[bytes], **options: Any) -> Iterator[ImageFile.ImageFile]:
    """As `PIL.Image.open`; until the end of the block, where formats with parts look again."""
    with _LIMIT.at_least_usual(), Image.open(file, **options) as image:
        yield image


class _Limit:
    """PIL's limit, set for as long as any thread has a file open here."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._lowered: int | None = None

    @contextmanager
    def at_least_usual(self) -> Iterator[None]:
        with self._lock:
            self._users += 1
            now = Image.MAX_IMAGE_PIXELS
            if now is not None and now < _USUAL:
                self._lowered, Image.MAX_IMAGE_PIXELS = now, _USUAL
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if not self._users and self._lowered is not None:
                    if Image.MAX_IMAGE_PIXELS == _USUAL:  # nobody has set another one meanwhile
                        Image.MAX_IMAGE_PIXELS = self._lowered
                    self._lowered = None


_LIMIT = _Limit()
