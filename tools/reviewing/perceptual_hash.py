"""What an image looks like, in 64 bits and a few colours: alike after another compression or size.

The hash is the sign of low frequencies around their median; copies that are turned or mirrored have
others. Source: Zauner, "Implementation and benchmarking of perceptual image hash functions", 2010
(pHash); as `phash` of the Python package ImageHash, which would bring SciPy and PyWavelets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from PIL import Image

from headrace.pipeline.cores import available_cores
from headrace.pipeline.errors import BadSampleError
from headrace.pipeline.records import Records

_SIDE, _LOW, _COLOURS = 32, 8, 4
_AT_ONCE = 4096
_BITS = np.uint64(1) << np.arange(64, dtype=np.uint64)


def _cosines() -> np.ndarray:
    """(8, 32) float64: the lowest rows of the type-II discrete cosine transform."""
    place, frequency = np.arange(_SIDE), np.arange(_LOW)
    cosines: np.ndarray = np.cos(np.pi * (2 * place + 1) * frequency[:, None] / (2 * _SIDE))
    return cosines


_DCT = _cosines()


@dataclass(frozen=True, kw_only=True)
class Looks:
    """What images look like.

    Attributes:
        indices: (n,) int64 of the records; those that cannot be decoded are left out.
        hashes: (n,) uint64.
        colours: (n, 48) int16, mean RGB in 4×4 fields, 0 to 255.
        num_bad: how many were left out.
    """

    indices: np.ndarray
    hashes: np.ndarray
    colours: np.ndarray
    num_bad: int


def looks_of(records: Records, on_image: Callable[[], object] = lambda: None) -> Looks:
    """Decodes every sample once and notes down what it looks like.

    Args:
        records: all samples are taken.
        on_image: called after each.
    """

    def look(index: int) -> tuple[int, np.uint64, np.ndarray] | None:
        try:
            return index, *look_of(records.decode(index))
        except BadSampleError:
            return None

    found: list[tuple[int, np.uint64, np.ndarray]] = []
    with ThreadPoolExecutor(available_cores()) as pool:
        for start in range(0, len(records), _AT_ONCE):  # a pool takes in all of its work at once
            for seen in pool.map(look, range(start, min(start + _AT_ONCE, len(records)))):
                on_image()
                if seen is not None:
                    found.append(seen)
    return _columns(found, len(records) - len(found))


def _columns(found: Sequence[tuple[int, np.uint64, np.ndarray]], num_bad: int) -> Looks:
    width = _COLOURS * _COLOURS * 3
    return Looks(
        indices=np.array([index for index, _, _ in found], np.int64),
        hashes=np.array([key for _, key, _ in found], np.uint64),
        colours=np.array([colours for _, _, colours in found], np.int16).reshape(-1, width),
        num_bad=num_bad,
    )


def look_of(image: np.ndarray) -> tuple[np.uint64, np.ndarray]:
    """The hash of an image, (H, W, 3) uint8 RGB, and its colours, (48,) int16."""
    small = Image.fromarray(image).resize((_SIDE, _SIDE), Image.Resampling.BOX)
    gray = np.asarray(small.convert("L"), np.float64)
    low = _DCT @ gray @ _DCT.T
    signs = (low > np.median(low)).reshape(-1)
    field = _SIDE // _COLOURS
    fields = np.asarray(small, np.float64).reshape(_COLOURS, field, _COLOURS, field, 3)
    return _BITS[signs].sum(dtype=np.uint64), fields.mean((1, 3)).round().astype(np.int16).ravel()
