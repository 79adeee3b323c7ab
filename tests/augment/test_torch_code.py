"""Every operation against torchvision's functional, on the same image and parameters."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torchvision.transforms.v2 import functional as TV

from headrace.augment.ops import Draws, Op
from headrace.augment.settings import WarpConfig
from headrace.augment.stages import run_stages
from headrace.augment.torch_code.colour import jitter
from headrace.augment.torch_code.geometry import matrices

SIZES = [(48, 64), (33, 33)]
NEAREST = WarpConfig()


def photo(height: int, width: int, seed: int = 0) -> torch.Tensor:
    """(3, H, W) uint8 with smooth areas, edges, noise and a narrow range in one channel."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand((1, 3, 5, 6), generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")[0]
    smooth[:, height // 3 : height // 2, width // 4 : width // 2] = 0.9
    noisy = smooth + 0.05 * torch.randn((3, height, width), generator=generator)
    noisy[2] = 0.3 + 0.4 * noisy[2]
    return (noisy * 255).clamp(0, 255).to(torch.uint8)


def ours(
    image: torch.Tensor,
    op: Op,
    magnitude: float,
    *,
    vector: list[float] | None = None,
    config: WarpConfig = NEAREST,
) -> torch.Tensor:
    """One image through the stages, between two others that draw something else."""
    batch = torch.stack([image.flip(-1), image, image.flip(-2)])
    batch = batch.contiguous(memory_format=torch.channels_last)
    neighbour = Op.INVERT if op.stage == Op.INVERT.stage else Op.IDENTITY
    ops = torch.tensor([[Op.IDENTITY], [op], [neighbour]])
    magnitudes = torch.tensor([[0.0], [magnitude], [0.0]])
    vectors = torch.zeros(3, 1, 9 if vector else 0)
    if vector:
        vectors[1, 0] = torch.tensor(vector)
    slots = (frozenset((op, neighbour, Op.IDENTITY)),)
    out = run_stages(batch, Draws(ops, magnitudes, vectors), slots, config)
    assert torch.equal(out[0], batch[0])
    return out[1]


def difference(a: torch.Tensor, b: torch.Tensor) -> int:
    return int((a.int() - b.int()).abs().max())


TONE: list[tuple[Op, list[float], Callable[[torch.Tensor, float], torch.Tensor]]] = [
    (Op.BRIGHTNESS, [-0.99, -0.3, 0.0, 0.297, 0.99], lambda x, m: TV.adjust_brightness(x, 1 + m)),
    (Op.CONTRAST, [-0.99, -0.3, 0.0, 0.297, 0.99], lambda x, m: TV.adjust_contrast(x, 1 + m)),
    (Op.SOLARIZE, [0.0, 0.31, 0.5, 1.0], lambda x, m: TV.solarize(x, 255.0 * m)),
    (Op.POSTERIZE, [0, 1, 3, 4, 7, 8], lambda x, m: TV.posterize(x, int(m))),
    (Op.AUTOCONTRAST, [0.0], lambda x, m: TV.autocontrast(x)),
    (Op.EQUALIZE, [0.0], lambda x, m: TV.equalize(x)),
    (Op.INVERT, [0.0], lambda x, m: TV.invert(x)),
    (Op.GAMMA, [0.4, 1.0, 1.7], lambda x, m: TV.adjust_gamma(x, m)),
]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("op", "magnitudes", "oracle"), TONE, ids=lambda v: getattr(v, "name", ""))
def test_tone_is_exact(
    op: Op,
    magnitudes: list[float],
    oracle: Callable[[torch.Tensor, float], torch.Tensor],
    size: tuple[int, int],
) -> None:
    flat = torch.full((3, *size), 77, dtype=torch.uint8)
    for image in (photo(*size), photo(*size, seed=1), flat, photo(*size)[:1]):
        for magnitude in torch.tensor(magnitudes, dtype=torch.float32).tolist():
            assert torch.equal(ours(image, op, magnitude), oracle(image, magnitude))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("amount", [-0.99, -0.5, 0.0, 0.297, 0.99])
def test_colour_and_sharpness_within_a_level(size: tuple[int, int], amount: float) -> None:
    image = photo(*size)
    factor = 1 + amount
    assert difference(ours(image, Op.SATURATION, amount), TV.adjust_saturation(image, factor)) <= 1
    assert difference(ours(image, Op.SHARPNESS, amount), TV.adjust_sharpness(image, factor)) <= 1
    assert difference(ours(image, Op.HUE, amount / 2), TV.adjust_hue(image, amount / 2)) <= 1
    gray = image[:1]
    assert torch.equal(ours(gray, Op.SATURATION, amount), TV.adjust_saturation(gray, factor))
    assert difference(ours(gray, Op.SHARPNESS, amount), TV.adjust_sharpness(gray, factor)) <= 1


def test_grayscale_within_a_level() -> None:
    image = photo(40, 50)
    assert difference(ours(image, Op.GRAYSCALE, 0), TV.rgb_to_grayscale(image, 3)) <= 1


@pytest.mark.parametrize(("kernel", "sigma"), [(3, 0.4), (5, 1.0), (9, 2.0), (9, 0.1)])
def test_blur_within_a_level(kernel: int, sigma: float) -> None:
    image = photo(40, 50)
    expected = TV.gaussian_blur(image, [kernel, kernel], [sigma, sigma])
    got = ours(image, Op.BLUR, sigma, config=WarpConfig(kernel_size=kernel))
    assert difference(got, expected) <= 1


def degrees(tangent: float) -> float:
    return math.degrees(math.atan(tangent))


def affine(image: torch.Tensor, **given: object) -> torch.Tensor:
    settings: dict[str, object] = {
        "angle": 0.0,
        "translate": [0, 0],
        "scale": 1.0,
        "shear": [0.0, 0.0],
        **given,
    }
    return TV.affine(image, **settings)


GEOMETRY: list[tuple[Op, list[float], Callable[..., torch.Tensor]]] = [
    (Op.ROTATE, [-135, -30, -4.5, 0, 17.3, 90], lambda x, m, **k: TV.rotate(x, m, **k)),
    (Op.SHEAR_X, [-0.3, 0.99], lambda x, m, **k: affine(x, shear=[degrees(m), 0.0], **k)),
    (Op.SHEAR_Y, [-0.3, 0.99], lambda x, m, **k: affine(x, shear=[0.0, degrees(m)], **k)),
    (
        Op.CORNER_SHEAR_X,
        [-0.3, 0.99],
        lambda x, m, **k: affine(x, shear=[degrees(m), 0.0], center=[0, 0], **k),
    ),
    (
        Op.CORNER_SHEAR_Y,
        [-0.3, 0.99],
        lambda x, m, **k: affine(x, shear=[0.0, degrees(m)], center=[0, 0], **k),
    ),
    (Op.TRANSLATE_X, [-7, 0, 20], lambda x, m, **k: affine(x, translate=[int(m), 0], **k)),
    (Op.TRANSLATE_Y, [-7, 0, 20], lambda x, m, **k: affine(x, translate=[0, int(m)], **k)),
    (Op.SCALE, [0.6, 1.0, 1.45], lambda x, m, **k: affine(x, scale=m, **k)),
]


def share_of_pixels_off(a: torch.Tensor, b: torch.Tensor, levels: int) -> float:
    return float(((a.int() - b.int()).abs().amax(0) > levels).float().mean())


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("fill", [0, 114])
@pytest.mark.parametrize(
    ("op", "magnitudes", "oracle"), GEOMETRY, ids=lambda v: getattr(v, "name", "")
)
def test_geometry_against_torchvision(
    op: Op,
    magnitudes: list[float],
    oracle: Callable[..., torch.Tensor],
    fill: int,
    size: tuple[int, int],
) -> None:
    """Nearest: all but 1 pixel in 200, where a tie rounds the other way.

    Bilinear: within 2 levels wherever all four neighbours lie inside. At the border torchvision
    weighs the image twice by its mask, and that is not reproduced.
    """
    image = photo(*size)
    for magnitude in magnitudes:
        for mode in ("nearest", "bilinear"):
            settings = {"interpolation": TV.InterpolationMode(mode), "fill": [fill]}
            expected = oracle(image, magnitude, **settings)
            inside = oracle(torch.full_like(image, 255), magnitude, **{**settings, "fill": [0]})
            config = WarpConfig(interpolation=mode, fill=(fill,))
            compare(ours(image, op, magnitude, config=config), expected, inside, mode, fill)


def compare(
    got: torch.Tensor, expected: torch.Tensor, inside: torch.Tensor, mode: str, fill: int
) -> None:
    """``inside``: a white image warped by the oracle into black: 255 where nothing is filled."""
    if mode == "nearest":
        assert share_of_pixels_off(got, expected, 0) <= 0.005
        return
    assert int((inside == 255).sum()) > 100
    assert difference(got[inside == 255], expected[inside == 255]) <= 2
    outside = got[inside == 0]
    assert outside.numel() == 0 or int((outside.int() - fill).abs().max()) <= 12


def test_perspective_against_torchvision() -> None:
    image = photo(48, 64)
    start = [[0, 0], [63, 0], [63, 47], [0, 47]]
    moves = [5, 3, -9, 2, -4, -11, 7, -6]
    end = [[x + moves[2 * i], y + moves[2 * i + 1]] for i, (x, y) in enumerate(start)]
    for mode in ("nearest", "bilinear"):
        interpolation = TV.InterpolationMode(mode)
        expected = TV.perspective(image, start, end, interpolation, fill=[9])
        inside = TV.perspective(torch.full_like(image, 255), start, end, interpolation, fill=[0])
        config = WarpConfig(interpolation=mode, fill=(9,))
        got = ours(image, Op.PERSPECTIVE, 0, vector=[*map(float, moves), 0.0], config=config)
        compare(got, expected, inside, mode, 9)


@pytest.mark.parametrize(
    ("size", "moves"),
    [
        ((48, 64), [5, 3, -9, 2, -4, -11, 7, -6]),
        ((2, 3), [0, 0, 0, 1, 0, -1, 1, 0]),  # the centre shows what lies at infinity
        ((4, 4), [2, 1, -1, 2, -2, -1, 1, -2]),  # corners that have passed each other
    ],
)
def test_a_perspective_sends_moved_corners_back(size: tuple[int, int], moves: list[int]) -> None:
    height, width = size
    corners = torch.tensor([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]])
    centre = torch.tensor([width / 2, height / 2])
    ends = corners + torch.tensor(moves).view(4, 2) - centre
    found = perspective(moves, size) @ torch.cat([ends, torch.ones(4, 1)], 1).T
    assert torch.allclose((found[:2] / found[2]).T, corners - centre, atol=1e-4)


@pytest.mark.parametrize(
    ("size", "moves"),
    [
        ((2, 3), [0, 0, 0, 0, 0, 0, 1, -1]),
        ((2, 3), [0, 0, 0, 0, -1, -1, 0, 0]),
        ((3, 3), [0, 0, -1, 1, 0, 0, 0, 0]),
        ((5, 5), [0, 2, -2, 2, 0, -2, 0, 0]),
        ((9, 1), [0, 0, 0, 0, 0, 0, 0, 0]),
    ],
)
def test_three_corners_in_one_line_leave_an_image_as_it_is(
    size: tuple[int, int], moves: list[int]
) -> None:
    assert torch.equal(perspective(moves, size), torch.eye(3))


def perspective(moves: list[int], size: tuple[int, int]) -> torch.Tensor:
    """(3, 3) float32: the map of one draw."""
    op, vector = torch.tensor([[Op.PERSPECTIVE]]), torch.tensor([*moves, 0], dtype=torch.float32)
    draws = Draws(op, torch.zeros(1, 1), vector.view(1, 1, 9))
    return matrices(draws, (frozenset((Op.PERSPECTIVE,)),), *size)[0]


def test_flips_are_exact() -> None:
    image = photo(33, 48)
    assert torch.equal(ours(image, Op.HFLIP, 0), image.flip(-1))
    assert torch.equal(ours(image, Op.VFLIP, 0), image.flip(-2))


def test_two_moves_are_one_warp_in_order() -> None:
    image = photo(64, 64)
    ops = torch.tensor([[Op.TRANSLATE_X, Op.ROTATE]])
    draws = Draws(ops, torch.tensor([[10.0, 90.0]]), torch.zeros(1, 2, 0))
    slots = (frozenset((Op.TRANSLATE_X,)), frozenset((Op.ROTATE,)))
    got = run_stages(image[None], draws, slots, WarpConfig())[0]
    moved = affine(image, translate=[10, 0])
    assert share_of_pixels_off(got, TV.rotate(moved, 90), 0) <= 0.005


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 3, 0, 2), (2, 0, 3, 1)])
def test_jitter_follows_its_order(order: tuple[int, ...]) -> None:
    image = photo(40, 40)
    amounts = (0.3, -0.25, 0.35, 0.08)
    expected = image
    for which in order:
        if which == 3:
            expected = TV.adjust_hue(expected, amounts[3])
        else:
            adjust = (TV.adjust_brightness, TV.adjust_contrast, TV.adjust_saturation)[which]
            expected = adjust(expected, 1 + amounts[which])
    places = torch.tensor([[order.index(which) for which in range(4)]])
    got = jitter(image[None], places, torch.tensor([amounts]))[0]
    # Each of the four roundings may differ by a level, and later factors stretch it.
    assert difference(got, expected) <= 3
    assert share_of_pixels_off(got, expected, 1) <= 0.01
