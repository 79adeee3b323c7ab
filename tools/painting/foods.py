"""The eleven foods: each is told by its shape and structure, none by its colour alone.

A food is drawn around a centre within a radius. Classes share one palette, of which each has its
favourites, and the table and plate have colours of their own: the mean colour of a picture says
little about its class.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from headrace.tools.painting.painter import Painter, Surface, blob, place
from headrace.tools.painting.palette import pick_contrast, pick_food_surface, pick_surface

CLASS_NAMES = (
    "Bread",
    "Dairy product",
    "Dessert",
    "Egg",
    "Fried food",
    "Meat",
    "Noodles-Pasta",
    "Rice",
    "Seafood",
    "Soup",
    "Vegetable-Fruit",
)


@dataclass(frozen=True, kw_only=True)
class Spot:
    """Where a food is drawn: centre and radius in output pixels, height of what it lies on."""

    x: float
    y: float
    radius: float
    base: float
    turn: float

    def at(self, dx: float, dy: float) -> np.ndarray:
        """A point of the spot's own turned frame, dx and dy in radii, as x, y in pixels."""
        return place(np.array([[dx, dy]]) * self.radius, (self.x, self.y), self.turn)[0]


def draw_food(painter: Painter, rng: np.random.Generator, label: int, spot: Spot) -> None:
    """Draw the food of class `label` (0..10)."""
    _FOODS[label](painter, rng, spot)


def _bread(painter: Painter, rng: np.random.Generator, spot: Spot) -> None:
    """A loaf with slanting cuts across its back."""
    crust = pick_food_surface(rng, 0, 0.6, 0.1)
    long, wide = spot.radius * rng.uniform(0.85, 1.0), spot.radius * rng.uniform(0.36, 0.55)
    outline = blob(rng, (spot.x, spot.y), (long, wide), spot.turn, 0.05)
    painter.dome(outline, crust, spot.base, 55, steps=6)
    cuts, slant = int(rng.integers(3, 6)), rng.uniform(0.15, 0.5) * rng.choice([-1, 1])
    for position in np.linspace(-0.62, 0.62, cuts):
        reach = wide / spot.radius * 0.72 * np.sqrt(1 - position**2)
        cut = np.array(
            [spot.at(position - slant * reach, -reach), spot.at(position + slant * reach, reach)]
        )
        painter.line(cut, crust.shaded(0.55), spot.base + 30, spot.radius * 0.07)
        painter.line(cut + 1.5, crust.shaded(1.45), spot.base + 44, spot.radius * 0.035)


def _dairy(painter: Painter, rng: np.random.Generator, spot: Spot) -> None:
    """A wedge of cheese with holes."""
    cheese = pick_food_surface(rng, 1, 0.15, 0.25)
    tip = rng.uniform(0.3, 0.48)
    wedge = np.array(
        [spot.at(-0.95, 0), spot.at(0.75, -tip * 1.6), spot.at(0.9, 0), spot.at(0.75, tip * 1.6)]
    )
    side = wedge + np.array([0, spot.radius * 0.22])
    painter.polygon(side, cheese.shaded(0.62), spot.base + 18)
    painter.polygon((wedge + side) / 2, cheese.shaded(0.7), spot.base + 26)
    painter.polygon(wedge, cheese, spot.base + 45)
    for _ in range(int(rng.integers(7, 13))):
        along = rng.uniform(-0.45, 0.72)
        room = (along + 0.95) / 1.7 * tip * 1.25
        size = spot.radius * rng.uniform(0.04, 0.11)
        hole = blob(rng, spot.at(along, rng.uniform(-room, room)), (size, size * 0.85), 0, 0.05, 16)
        painter.polygon(hole, cheese.shaded(0.5), spot.base + 22)
        painter.polygon(hole + size * 0.22, cheese.shaded(0.75), spot.base + 28)


def _dessert(painter: Painter, rng: np.random.Generator, spot: Spot) -> None:
    """A slice of layer cake, seen from the side, with a topping."""
    sponge = pick_food_surface(rng, 2, 0.7, 0.0)
    cream = pick_contrast(rng, sponge, 0.1)
    layers = int(rng.integers(4, 8))
    half_width, half_height = rng.uniform(0.62, 0.85), rng.uniform(0.45, 0.62)
    edges = np.linspace(-half_height, half_height, layers + 1)
    for index in range(layers):
        top, bottom = edges[index], edges[index + 1]
        quad = [
            spot.at(-half_width, top),
            spot.at(half_width, top),
            spot.at(half_width, bottom),
            spot.at(-half_width, bottom),
        ]
        surface = cream if index % 2 == 0 else sponge
        painter.polygon(np.array(quad), surface, spot.base + (44 if index % 2 == 0 else 36))
    for position in np.linspace(-half_width * 0.8, half_width * 0.8, int(rng.integers(2, 5))):
        size = spot.radius * rng.uniform(0.08, 0.13)
        centre = spot.at(position, -half_height - 0.04)
        painter.dome(blob(rng, centre, (size, size), 0, 0.1, 20), cream, spot.base + 40, 30)


def _egg(painter: Painter, rng: np.random.Generator, spot: Spot) -> None:
    """One to three fried eggs: an uneven flat white with a round, glossy yolk."""
    white = pick_food_surface(rng, 3, 0.12, 0.4)
    yolk = pick_contrast(rng, white, 0.05)
    count = int(rng.integers(1, 4))
    for index in range(count):
        away = 0 if count == 1 else 0.48
        angle = 2 * np.pi * index / count
        centre = spot.at(away * np.cos(angle), away * np.sin(angle))
        size = spot.radius * (0.85 if count == 1 else 0.5) * rng.uniform(0.9, 1.1)
        outline = blob(rng, centre, (size, size * 0.88), rng.uniform(0, 6), 0.2)
        painter.polygon(outline, white.shaded(0.8), spot.base + 5)
        painter.polygon(centre + (outline - centre) * 0.93, white, spot.base + 10)
        middle = centre + rng.normal(0, size * 0.1, 2)
        disc = blob(rng, middle, (size * 0.4, size * 0.38), 0, 0.02, 32)
        glossy = Surface(colour=yolk.colour, rough=0.05, gloss=0.8)
        painter.dome(disc, glossy, spot.base + 12, 34, steps=6)


def _fried(painter: Painter, rng: np.random.Generator, spot: Spot) -> None:
    """A heap of straight sticks, square at their ends."""
    potato = pick_food_surface(rng, 4, 0.5, 0.15)
    thick = spot.radius * rng.uniform(0.085, 0.12)
    count = int(rng.integers(26, 40))
    for index in range(count):
        share = index / count
        away = (1 - share) * 0.6
        centre = spot.at(*(rng.normal(0, away * 0.6, 2)))
        length = spot.radius * rng.uniform(0.3, 0.5)
        angle = rng.normal(spot.turn, 0.6)
        box = np.array([[-length, -thick], [length, -thick], [length, thick], [-length, thick]])
        surface = potato.shaded(rng.uniform(0.8, 1.15))
        height = spot.base + 12 + 50 * share
        painter.polygon(place(box * 1.04 + (0, 2), centre, angle), surface.shaded(0.5), height - 8)
        painter.polygon(place(box, centre, angle), surface, height + 10)
        painter.polygon(place(box * (1, 0.45), centre, angle), surface.shaded(1.1), height + 16)


def _meat(painter: Painter, rng: np.random.Generator, spot: Spot) -> None:
    """A flat steak with crossed or parallel grill marks and a rim of fat."""
    meat = pick_food_surface(rng, 5, 0.8, 0.35)
    outline = blob(rng, (spot.x, spot.y), (spot.radius * 0.92, spot.radius * 0.66), spot.turn, 0.2)
    centre = outline.mean(axis=0)
    painter.polygon(outline, meat.shaded(1.35), spot.base + 18)
    inner = centre + (outline - centre) * 0.93
    painter.polygon(inner, meat, spot.base + 30)
    angle = rng.uniform(0, np.pi)
    directions = [angle] if rng.random() < 0.4 else [angle, angle + rng.uniform(1.1, 1.9)]
    for direction in directions:
        along = np.array([np.cos(direction), np.sin(direction)])
        across = np.array([-along[1], along[0]])
        for offset in np.arange(-0.8, 0.85, rng.uniform(0.17, 0.24)) * spot.radius:
            middle = centre + across * offset
            span = _chord(inner, middle, along)
            if span is not None:
                ends = np.array([middle + along * span[0] * 0.92, middle + along * span[1] * 0.92])
                painter.line(ends, meat.shaded(0.38), spot.base + 25, spot.radius * 0.055)


def _noodles(painter: Painter, rng: np.random.Generator, spot: Spot) -> None:
    """A tangle of long, winding strands."""
    dough = pick_food_surface(rng, 6, 0.15, 0.45)
    width = spot.radius * rng.uniform(0.035, 0.06)
    painter.polygon(
        blob(rng, (spot.x, spot.y), (spot.radius * 0.85,) * 2, 0, 0.1),
        dough.shaded(0.5),
        spot.base + 8,
    )
    count = int(rng.integers(38, 55))
    t = np.linspace(0, 1, 26)
    for index in range(count):
        share = index / count
        heading = (
            rng.uniform(0, 2 * np.pi)
            + np.cumsum(rng.normal(0, 0.1, 26))
            + (rng.uniform(2.5, 6.5) * rng.choice([-1, 1]) * t)
        )
        steps = np.stack([np.cos(heading), np.sin(heading)], 1) * spot.radius * 0.085
        path = np.cumsum(steps, axis=0)
        middle = spot.at(*rng.normal(0, 0.38 * (1.05 - 0.5 * share), 2))
        path += middle - path.mean(axis=0)
        height = spot.base + 12 + 40 * share
        painter.line(path + np.array([0.5, 2.0]), dough.shaded(0.45), height - 6, width * 1.25)
        painter.line(path, dough.shaded(rng.uniform(0.85, 1.1)), height + 5, width)
        painter.line(path - np.array([0.4, 0.8]), dough.shaded(1.25), height + 10, width * 0.35)


def _rice(painter: Painter, rng: np.random.Generator, spot: Spot) -> None:
    """A mound of many short grains."""
    grain = pick_food_surface(rng, 7, 0.1, 0.3)
    mound = blob(rng, (spot.x, spot.y), (spot.radius * 0.9, spot.radius * 0.75), spot.turn, 0.12)
    painter.dome(mound, grain.shaded(0.6), spot.base + 4, 40, steps=6)
    count = int(rng.integers(420, 560))
    long = spot.radius * rng.uniform(0.05, 0.065)
    distance = 0.92 * np.sqrt(rng.random(count))
    angles = rng.uniform(0, 2 * np.pi, count)
    oval = np.stack(
        [
            np.cos(np.linspace(0, 2 * np.pi, 9)[:-1]) * long,
            np.sin(np.linspace(0, 2 * np.pi, 9)[:-1]) * long * 0.36,
        ],
        1,
    )
    for away, angle, turn, light in zip(
        distance, angles, rng.uniform(0, np.pi, count), rng.uniform(0.82, 1.15, count), strict=True
    ):
        centre = spot.at(away * np.cos(angle), away * np.sin(angle) * 0.84)
        shape = place(oval, centre, turn)
        height = spot.base + 10 + 36 * np.sqrt(1 - min(0.99, away) ** 2)
        painter.polygon(shape * 1.0 + (0.6, 1.6), grain.shaded(light * 0.5), height - 6)
        painter.polygon(shape, grain.shaded(light), height + 6)


def _seafood(painter: Painter, rng: np.random.Generator, spot: Spot) -> None:
    """Shrimps: curved, tapering, ringed bodies that end in a fan."""
    shell = pick_food_surface(rng, 8, 0.2, 0.6)
    count = int(rng.integers(2, 6))
    size = spot.radius * (0.62 if count < 4 else 0.46)
    for index in range(count):
        angle = 2 * np.pi * index / count + rng.normal(0, 0.2)
        middle = spot.at(0.5 * np.cos(angle), 0.5 * np.sin(angle))
        turn, hand = rng.uniform(0, 2 * np.pi), rng.choice([-1, 1])
        bend = rng.uniform(3.2, 4.2)
        segments = 9
        for part in range(segments):
            share = part / (segments - 1)
            theta = turn + hand * bend * share
            centre = middle + size * 0.62 * np.array([np.cos(theta), np.sin(theta)])
            thick = size * (0.34 - 0.2 * share)
            ring = blob(rng, centre, (thick * 0.7, thick), theta + np.pi / 2, 0.02, 20)
            painter.polygon(ring * 1.0 + 1.2, shell.shaded(0.5), spot.base + 16)
            painter.dome(ring, shell.shaded(1.12 if part % 2 else 0.84), spot.base + 14, 26, 4)
        fan = place(
            np.array([[0, 0], [0.42, -0.22], [0.5, 0], [0.42, 0.22]]) * size,
            centre,
            theta + hand * np.pi / 2,
        )
        painter.polygon(fan, shell.shaded(0.75), spot.base + 18)


def _soup(painter: Painter, rng: np.random.Generator, spot: Spot) -> None:
    """A smooth disc of liquid in a wide bowl, with a swirl and a few floating leaves."""
    bowl = pick_surface(rng, 0.05, 0.5)
    liquid = pick_food_surface(rng, 9, 0.03, 0.7)
    disc = blob(rng, (spot.x, spot.y), (spot.radius * 1.12,) * 2, 0, 0.0, 60)
    centre = np.array([spot.x, spot.y])
    painter.polygon(disc, bowl, spot.base + 60)
    painter.polygon(centre + (disc - centre) * 0.9, bowl.shaded(0.7), spot.base + 30)
    painter.polygon(centre + (disc - centre) * 0.84, liquid, spot.base + 20)
    if rng.random() < 0.7:
        t = np.linspace(0, rng.uniform(7, 13), 60)
        spiral = np.stack([np.cos(t), np.sin(t)], 1) * (t / t[-1])[:, None] * spot.radius * 0.6
        painter.line(
            place(spiral, centre, spot.turn), liquid.shaded(1.3), spot.base + 21, spot.radius * 0.06
        )
    garnish = pick_contrast(rng, liquid, 0.3)
    for _ in range(int(rng.integers(3, 10))):
        away, angle = 0.7 * np.sqrt(rng.random()), rng.uniform(0, 7)
        leaf = spot.radius * rng.uniform(0.05, 0.1)
        where = spot.at(away * np.cos(angle), away * np.sin(angle))
        painter.polygon(
            blob(rng, where, (leaf, leaf * 0.5), angle, 0.1, 14), garnish, spot.base + 24
        )


def _fruit(painter: Painter, rng: np.random.Generator, spot: Spot) -> None:
    """A few whole balls with a stalk."""
    skin = pick_food_surface(rng, 10, 0.08, 0.9)
    count = int(rng.integers(3, 8))
    size = spot.radius * (0.42 if count < 5 else 0.33)
    for index in range(count):
        angle = 2 * np.pi * index / count
        away = 0.55 if index else 0.1
        centre = spot.at(away * np.cos(angle), away * np.sin(angle)) + rng.normal(0, 3, 2)
        ball = blob(rng, centre, (size, size * 0.94), rng.uniform(0, 6), 0.04, 32)
        painter.polygon(centre + (ball - centre) * 1.06, skin.shaded(0.35), spot.base + 4)
        painter.dome(ball, skin.shaded(rng.uniform(0.85, 1.15)), spot.base + 10, 80, steps=9)
        direction = rng.uniform(0, 2 * np.pi)
        stalk = centre + np.array([[0, 0], [np.cos(direction), np.sin(direction)]]) * size * 0.4
        painter.line(stalk, skin.shaded(0.3), spot.base + 92, size * 0.1)


def _chord(
    outline: np.ndarray, origin: np.ndarray, along: np.ndarray
) -> tuple[float, float] | None:
    """Where the line origin + t·along enters and leaves a star-shaped outline, as two t."""
    a, b = outline - origin, np.roll(outline, -1, axis=0) - origin
    side_a, side_b = (p[:, 0] * along[1] - p[:, 1] * along[0] for p in (a, b))
    crossing = np.sign(side_a) != np.sign(side_b)
    if crossing.sum() < 2:
        return None
    share = side_a[crossing] / (side_a[crossing] - side_b[crossing])
    t = (a[crossing] + (b[crossing] - a[crossing]) * share[:, None]) @ along
    return float(t.min()), float(t.max())


_FOODS: tuple[Callable[[Painter, np.random.Generator, Spot], None], ...] = (
    _bread, _dairy, _dessert, _egg, _fried, _meat, _noodles, _rice, _seafood, _soup, _fruit,
)  # fmt: skip
