"""A small scene painter: shapes with colour, height and roughness, lit by one lamp."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from headrace.tools.painting.textures import Textures

Colour = tuple[float, float, float]
SUPERSAMPLE = 2


@dataclass(frozen=True, kw_only=True)
class Surface:
    """How a shape looks: colour in 0..255, how rough and how glossy in 0..1."""

    colour: Colour
    rough: float = 0.35
    gloss: float = 0.2

    def shaded(self, factor: float) -> "Surface":
        """The same surface, lighter or darker."""
        red, green, blue = (min(255.0, max(0.0, c * factor)) for c in self.colour)
        return Surface(colour=(red, green, blue), rough=self.rough, gloss=self.gloss)


@dataclass(frozen=True, kw_only=True)
class Light:
    """A lamp: direction from which it shines in the picture, strength and warmth."""

    angle: float
    strength: float
    shadow: float
    tint: Colour


class Painter:
    """Draws polygons into four layers at twice the size, then lights them all at once.

    Coordinates are output pixels, x to the right, y down; heights are pixels towards the viewer
    (0..255). Later shapes lie on top.
    """

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        size = (width * SUPERSAMPLE, height * SUPERSAMPLE)
        self._colour = Image.new("RGB", size)
        self._relief = Image.new("L", size)
        self._finish = Image.new("RGB", size)  # roughness, gloss, 1 = not table
        self._draws = [ImageDraw.Draw(i) for i in (self._colour, self._relief, self._finish)]

    def polygon(self, points: np.ndarray, surface: Surface, height: float) -> None:
        """Fill a polygon. points: (N, 2) x, y in output pixels."""
        flat = (points * SUPERSAMPLE).ravel().tolist()
        for draw, ink in zip(self._draws, _inks(surface, height), strict=True):
            draw.polygon(flat, fill=ink)  # type: ignore[arg-type]

    def line(self, points: np.ndarray, surface: Surface, height: float, width: float) -> None:
        """Draw a thick polyline. points: (N, 2) x, y in output pixels; bends must be gentle."""
        flat = (points * SUPERSAMPLE).ravel().tolist()
        thick = max(1, round(width * SUPERSAMPLE))
        for draw, ink in zip(self._draws, _inks(surface, height), strict=True):
            draw.line(flat, fill=ink, width=thick)  # type: ignore[arg-type]

    def dome(
        self,
        outline: np.ndarray,
        surface: Surface,
        base: float,
        rise: float,
        steps: int = 5,
    ) -> None:
        """Fill a rounded body: the outline drawn again and again, smaller and higher."""
        centre = outline.mean(axis=0)
        for step in range(steps):
            share = step / max(1, steps - 1)
            scale = 1 - 0.8 * share
            height = base + rise * (1 - scale**2) ** 0.5
            self.polygon(centre + (outline - centre) * scale, surface, height)

    def develop(
        self,
        rng: np.random.Generator,
        textures: Textures,
        light: Light,
        backdrop: np.ndarray,
        softness_px: float,
    ) -> np.ndarray:
        """Light the scene over a backdrop.

        Args:
            rng: draws the texture windows.
            textures: noise tiles.
            light: the lamp.
            backdrop: (3, height, width) float32 in 0..255, shown where nothing was drawn.
            softness_px: blur of the relief, which rounds the edges of what was drawn.

        Returns:
            (3, height, width) float32 in 0..255, not clipped.
        """
        # Planar from here on: numpy is several times slower on a last axis of three.
        colour = _planes(self._colour.reduce(SUPERSAMPLE))
        rough, gloss, cover = _planes(self._finish.reduce(SUPERSAMPLE)) * np.float32(1 / 255)
        relief_image = self._relief.reduce(SUPERSAMPLE)

        relief = _array(relief_image.filter(ImageFilter.GaussianBlur(softness_px)))
        fine = textures.window(rng, "fine", self.height, self.width)
        soft = textures.window(rng, "stone", self.height, self.width)
        bumps = relief + rough * (1.6 * fine + 0.8 * soft)

        dx, dy = np.cos(light.angle), np.sin(light.angle)
        slope = np.zeros_like(bumps)
        slope[:, 1:-1] += dx * (bumps[:, 2:] - bumps[:, :-2])
        slope[1:-1] += dy * (bumps[2:] - bumps[:-2])
        diffuse = 1 - 0.11 * light.strength * slope
        np.clip(diffuse, 0.25, 1.9, out=diffuse)

        # What stands higher towards the lamp throws a soft shadow: compare the relief with
        # itself moved away from the lamp.
        reach = 9
        wide = _array(relief_image.filter(ImageFilter.BoxBlur(5)))
        moved = np.roll(wide, (round(reach * dy), round(reach * dx)), axis=(0, 1))
        shadow = np.clip((moved - relief) * (1 / 30), 0, 1) * light.shadow
        shade = diffuse * (1 - shadow)

        mottle = 1 + rough * (0.10 * soft + 0.05 * fine)
        colour *= mottle
        colour -= backdrop
        colour *= cover
        colour += backdrop
        colour *= shade
        colour += np.clip(diffuse - 1.28, 0, 1) * gloss * (260 * light.strength)
        colour *= np.array(light.tint, np.float32)[:, None, None]
        return colour


def blob(
    rng: np.random.Generator,
    centre: Sequence[float] | np.ndarray,
    radii: Sequence[float],
    angle: float,
    wobble: float = 0.08,
    points: int = 40,
) -> np.ndarray:
    """Outline of an uneven ellipse, (points, 2) x, y. `wobble` is relative to the radius."""
    t = np.linspace(0, 2 * np.pi, points, endpoint=False)
    radius = np.ones(points)
    for order in (2, 3, 4, 5):
        radius += wobble / order * rng.standard_normal() * np.cos(order * t + rng.uniform(0, 7))
    return place(
        np.stack([radii[0] * radius * np.cos(t), radii[1] * radius * np.sin(t)], 1), centre, angle
    )


def place(points: np.ndarray, centre: Sequence[float] | np.ndarray, angle: float) -> np.ndarray:
    """Turn points (N, 2) by an angle in radians and move them to a centre."""
    c, s = np.cos(angle), np.sin(angle)
    return points @ np.array([[c, s], [-s, c]]) + np.asarray(centre)


def _inks(surface: Surface, height: float) -> tuple[object, int, object]:
    ink = tuple(round(c) for c in surface.colour)
    level = round(min(255.0, max(0.0, height)))
    return ink, level, (round(255 * surface.rough), round(255 * surface.gloss), 255)


def _array(image: Image.Image) -> np.ndarray:
    return np.asarray(image, dtype=np.float32)


def _planes(image: Image.Image) -> np.ndarray:
    return np.asarray(image).transpose(2, 0, 1).astype(np.float32, order="C")
