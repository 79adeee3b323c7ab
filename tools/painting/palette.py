"""Colours: one palette for all foods and crockery, with favourites of each food."""

import numpy as np

from headrace.tools.painting.painter import Surface

# Cream, straw, tan, amber, brown, dark brown, yellow, orange, red, crimson, salmon, pink, green,
# light green, dark green, plum, gray.
PALETTE = (
    (244, 236, 214), (232, 205, 150), (205, 160, 95), (222, 170, 120), (176, 110, 58),
    (104, 64, 42), (236, 196, 70), (226, 140, 44), (206, 70, 42), (160, 40, 46), (226, 130, 120),
    (240, 190, 180), (96, 140, 60), (150, 176, 84), (58, 92, 50), (118, 66, 110), (186, 200, 190),
)  # fmt: skip
# Colours that a food has most often. They overlap: no colour belongs to one class.
_TYPICAL = (
    (1, 2, 3, 4), (0, 1, 6), (1, 4, 10, 11), (0, 1, 11), (1, 2, 6, 7), (4, 5, 8, 9),
    (0, 1, 6, 7), (0, 1, 3), (7, 8, 10), (7, 8, 12, 13), (8, 9, 12, 15),
)  # fmt: skip
_TYPICAL_SHARE = 0.6


def pick_surface(rng: np.random.Generator, rough: float = 0.4, gloss: float = 0.2) -> Surface:
    """Any palette colour, shifted a little."""
    return _near(rng, PALETTE[rng.integers(len(PALETTE))], rough, gloss)


def _near(
    rng: np.random.Generator, base: tuple[int, int, int], rough: float, gloss: float
) -> Surface:
    colour = np.array(base) + rng.normal(0, 12, 3)
    red, green, blue = np.clip(colour, 8, 250).tolist()
    return Surface(colour=(red, green, blue), rough=rough, gloss=gloss)


def pick_contrast(rng: np.random.Generator, other: Surface, rough: float) -> Surface:
    """A palette colour that can be told from another one."""
    best = pick_surface(rng, rough)
    for _ in range(6):
        if np.abs(np.subtract(best.colour, other.colour)).sum() > 150:
            break
        best = pick_surface(rng, rough)
    return best


def pick_food_surface(rng: np.random.Generator, label: int, rough: float, gloss: float) -> Surface:
    """Mostly a colour that this food often has."""
    if rng.random() >= _TYPICAL_SHARE:
        return pick_surface(rng, rough, gloss)
    return _near(rng, PALETTE[rng.choice(_TYPICAL[label])], rough, gloss)
