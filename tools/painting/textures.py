"""Noise with the spectrum of photographs, made once per process and cut into windows."""

from dataclasses import dataclass

import numpy as np

TILE_PX = 1024
# (name, spectral slope, horizontal stretch): amplitudes fall as 1/f^slope, as in natural scenes
# (Field 1987, "Relations between the statistics of natural images and the response properties of
# cortical cells"); the stretch makes the grain of wood.
_KINDS = (
    ("fine", 0.75, 1.0),
    ("stone", 1.2, 1.0),
    ("soft", 1.7, 1.0),
    ("wood", 1.05, 14.0),
    ("grain", 0.15, 1.0),
)


@dataclass(frozen=True, kw_only=True)
class Textures:
    """Periodic noise tiles, float32, mean 0 and standard deviation 1, by kind."""

    tiles: dict[str, np.ndarray]

    def window(
        self, rng: np.random.Generator, kind: str, height: int, width: int, turn: bool = True
    ) -> np.ndarray:
        """A random window (height, width), mirrored at random and, with `turn`, transposed.

        Args:
            rng: draws the place.
            kind: one of "fine", "stone", "soft", "wood", "grain".
            height: rows, at most 1024.
            width: columns, at most 1024.
            turn: whether rows and columns may be exchanged.
        """
        tile = self.tiles[kind]
        turned, mirrored, flipped = rng.integers(0, 2, 3)
        if turn and turned:
            tile = tile.T
        top = int(rng.integers(0, TILE_PX - height + 1))
        left = int(rng.integers(0, TILE_PX - width + 1))
        view = tile[top : top + height, left : left + width]
        return view[:: -1 if flipped else 1, :: -1 if mirrored else 1]


def make_textures(seed: int) -> Textures:
    """Draw the tiles of one seed (about half a second)."""
    rng = np.random.Generator(np.random.Philox(key=[seed, 1 << 32]))
    return Textures(tiles={name: _tile(rng, slope, stretch) for name, slope, stretch in _KINDS})


def _tile(rng: np.random.Generator, slope: float, stretch: float) -> np.ndarray:
    noise = rng.standard_normal((TILE_PX, TILE_PX), dtype=np.float32)
    spectrum = np.fft.rfft2(noise)
    rows = np.fft.fftfreq(TILE_PX)[:, None]
    columns = np.fft.rfftfreq(TILE_PX)[None, :] * stretch
    frequency = np.hypot(rows, columns)
    frequency[0, 0] = np.inf
    # Below four cycles per tile every window would be a plain gradient.
    spectrum *= np.maximum(frequency, 4 / TILE_PX) ** -slope
    tile = np.fft.irfft2(spectrum, s=(TILE_PX, TILE_PX))
    tile -= tile.mean()
    tile /= tile.std()
    return tile.astype(np.float32)
