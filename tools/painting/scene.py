"""One photograph of the sample set: table, plate, clutter, food, lamp and camera."""

import numpy as np

from headrace.tools.painting.foods import Spot, draw_food
from headrace.tools.painting.painter import Light, Painter, Surface, blob, place
from headrace.tools.painting.palette import pick_contrast, pick_surface
from headrace.tools.painting.textures import Textures


def render(
    rng: np.random.Generator, textures: Textures, label: int, width: int, height: int
) -> np.ndarray:
    """Draw a picture of class `label`.

    Args:
        rng: everything random in the picture comes from it.
        textures: noise tiles.
        label: class, 0..10.
        width: columns in pixels, at most 1024.
        height: rows in pixels, at most 1024.

    Returns:
        (height, width, 3) uint8 RGB.
    """
    painter = Painter(width, height)
    side = min(width, height)
    radius = side * rng.uniform(0.3, 0.44)
    x = width / 2 + rng.uniform(-0.5, 0.5) * (width - 2 * radius) * 0.7
    y = height / 2 + rng.uniform(-0.5, 0.5) * (height - 2 * radius) * 0.7

    _clutter(painter, rng, width, height)
    base = _vessel(painter, rng, x, y, radius)
    spot = Spot(x=x, y=y, radius=radius, base=base, turn=rng.uniform(0, 2 * np.pi))
    draw_food(painter, rng, label, spot)
    if rng.random() < 0.4:
        _crumbs(painter, rng, spot)

    light = Light(
        angle=rng.uniform(0, 2 * np.pi),
        strength=rng.uniform(0.35, 1.0),
        shadow=rng.uniform(0.3, 0.7),
        tint=_tint(rng),
    )
    backdrop = _table(rng, textures, width, height)
    image = painter.develop(rng, textures, light, backdrop, softness_px=rng.uniform(1.2, 2.0))
    return _camera(rng, textures, image)


def _table(rng: np.random.Generator, textures: Textures, width: int, height: int) -> np.ndarray:
    """Wood, stone or cloth, (3, height, width) float32."""
    colour = np.array(pick_surface(rng).colour, np.float32)
    colour = colour.mean() + (colour - colour.mean()) * rng.uniform(0.2, 0.8)
    kind = rng.integers(0, 4)
    if kind == 0:
        grain = textures.window(rng, "wood", height, width)
        value = 1 + 0.14 * grain + 0.05 * textures.window(rng, "fine", height, width)
    elif kind == 1:
        value = 1 + 0.16 * textures.window(rng, "stone", height, width)
    elif kind == 2:
        rows, columns = np.mgrid[:height, :width].astype(np.float32)
        pitch, tilt = rng.uniform(2.2, 3.4), rng.uniform(0, np.pi)
        u = np.cos(tilt) * columns + np.sin(tilt) * rows
        v = np.cos(tilt) * rows - np.sin(tilt) * columns
        weave = np.sin(u * (2 * np.pi / pitch)) * np.sin(v * (2 * np.pi / pitch))
        stripes = np.sign(np.sin(u * (2 * np.pi / rng.uniform(40, 120)))) * rng.uniform(0, 0.25)
        value = 1 + 0.09 * weave + stripes + 0.06 * textures.window(rng, "fine", height, width)
    else:
        value = 1 + 0.05 * textures.window(rng, "soft", height, width)
    table = colour[:, None, None] * value
    warm = textures.window(rng, "soft", height, width)
    table[0] += 4.0 * warm
    table[2] -= 3.0 * warm
    return table


def _vessel(painter: Painter, rng: np.random.Generator, x: float, y: float, radius: float) -> float:
    """A plate, a board or nothing below the food; returns the height on which the food lies."""
    kind = rng.integers(0, 4)
    if kind == 0:
        return 10.0
    surface = pick_surface(rng, 0.08, 0.5)
    if rng.random() < 0.5:  # most crockery is pale
        red, green, blue = (0.3 * c + 160 for c in surface.colour)
        surface = Surface(colour=(red, green, blue), rough=0.08, gloss=0.5)
    if kind == 1:
        half = np.array([radius * rng.uniform(1.2, 1.6), radius * rng.uniform(1.05, 1.35)])
        corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half
        board = place(corners, (x, y), rng.uniform(0, np.pi))
        painter.polygon(board, Surface(colour=surface.colour, rough=0.5, gloss=0.1), 22)
        return 22.0
    size = radius * rng.uniform(1.3, 1.55)
    disc = blob(rng, (x, y), (size, size * rng.uniform(0.94, 1.0)), rng.uniform(0, 3), 0.0, 64)
    centre = disc.mean(axis=0)
    painter.polygon(disc, surface, 34)
    if rng.random() < 0.4:  # a coloured ring on the rim
        painter.polygon(centre + (disc - centre) * 0.95, pick_contrast(rng, surface, 0.05), 32)
        painter.polygon(centre + (disc - centre) * 0.91, surface, 30)
    painter.polygon(centre + (disc - centre) * 0.78, surface.shaded(0.92), 18)
    return 18.0


def _clutter(painter: Painter, rng: np.random.Generator, width: int, height: int) -> None:
    """Things that lie around on the table: cloths, cutlery, cups."""
    for _ in range(int(rng.integers(0, 6))):
        surface = pick_surface(rng, 0.3, 0.3)
        centre = rng.uniform(-0.05, 1.05, 2) * (width, height)
        size = rng.uniform(0.08, 0.28) * width
        turn = rng.uniform(0, np.pi)
        kind = rng.integers(0, 4)
        if kind == 0:
            box = np.array([[-1, -0.7], [1, -0.7], [1, 0.7], [-1, 0.7]]) * size
            painter.polygon(place(box, centre, turn), surface, 6)
        elif kind == 1:
            metal = Surface(colour=(150, 152, 156), rough=0.05, gloss=0.9)
            stick = place(np.array([[-1.2, 0], [1.2, 0]]) * size, centre, turn)
            painter.line(stick, metal, 16, 9)
            painter.dome(blob(rng, stick[0], (22, 11), turn, 0.03), metal, 14, 12)
        elif kind == 2:
            cup = blob(rng, centre, (size * 0.55,) * 2, 0, 0.0, 48)
            painter.polygon(cup, surface, 70)
            painter.polygon(centre + (cup - centre) * 0.86, surface.shaded(0.5), 30)
        else:
            outline = blob(rng, centre, (size * 0.4, size * 0.3), turn, 0.25)
            painter.dome(outline, surface, 6, 30)


def _crumbs(painter: Painter, rng: np.random.Generator, spot: Spot) -> None:
    surface = pick_surface(rng, 0.6, 0.1)
    for _ in range(int(rng.integers(5, 40))):
        away, angle = rng.uniform(0.2, 1.4), rng.uniform(0, 7)
        size = spot.radius * rng.uniform(0.012, 0.045)
        centre = spot.at(away * np.cos(angle), away * np.sin(angle))
        crumb = blob(rng, centre, (size, size * 0.7), angle, 0.2, 9)
        painter.polygon(crumb, surface.shaded(rng.uniform(0.8, 1.2)), spot.base + 30)


def _tint(rng: np.random.Generator) -> tuple[float, float, float]:
    """Colour of the lamp, from bluish to warm, with its brightness."""
    warmth, level = rng.normal(0, 0.09), rng.uniform(0.72, 1.18)
    return level * (1 + warmth), level, level * (1 - 1.2 * warmth)


def _camera(rng: np.random.Generator, textures: Textures, image: np.ndarray) -> np.ndarray:
    """Fall-off of the light, tone curve, sensor noise and clipping."""
    height, width = image.shape[1:]
    rows = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    columns = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    slant = rng.normal(0, 0.12, 2).astype(np.float32)
    vignette = rng.uniform(0.0, 0.3)
    field = 1 + slant[0] * rows + slant[1] * columns - vignette * 0.5 * (rows**2 + columns**2)
    image *= field
    # One noise window for light and one each for red and blue: cheaper than drawing afresh, and
    # like a sensor's noise after demosaicking it is stronger in light than in colour.
    strength = rng.uniform(2.0, 9.0)
    noise = textures.window(rng, "grain", height, width) * strength
    image += noise
    for channel in (0, 2):
        image[channel] += textures.window(rng, "grain", height, width) * (0.5 * strength)
    contrast, lift = rng.uniform(0.85, 1.2), rng.uniform(-10, 14)
    image -= 110
    image *= contrast
    image += 110 + lift + 0.5
    np.clip(image, 0, 255, out=image)
    return np.ascontiguousarray(image.astype(np.uint8).transpose(1, 2, 0))
