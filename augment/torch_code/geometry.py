"""The geometry stage: every operation a 3x3 matrix, all of them one matrix, one warp.

Matrices map output pixels to input pixels in coordinates whose origin is the image centre, one
unit a pixel, x to the right and y down. Conventions are torchvision's, which is the oracle
(torchvision.transforms.v2.functional: affine, rotate, perspective).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from headrace.augment.ops import GEOMETRY_OPS, Draws, Op


def matrices(
    draws: Draws, slots: tuple[frozenset[Op], ...], height: int, width: int
) -> torch.Tensor:
    """Composes each sample's geometric draws.

    Args:
        draws: (B, S) draws; operations of other stages count as the identity.
        slots: for each slot the operations that it can draw at all.
        height, width: image size in pixels.

    Returns:
        (B, 3, 3) float32, output to input; the last row is (0, 0, 1) without a perspective.
    """
    total: torch.Tensor | None = None
    for slot, possible in enumerate(slots):
        if not possible & set(GEOMETRY_OPS):
            continue
        op, magnitude = draws.op[:, slot], draws.magnitude[:, slot]
        matrix = _affine(op, magnitude, possible, height, width)
        if Op.PERSPECTIVE in possible:
            chosen = (op == Op.PERSPECTIVE.value)[:, None, None]
            matrix = torch.where(chosen, _perspective(draws.vector[:, slot], height, width), matrix)
        # The image moves by the first slot, then by the second; lookups run the other way round.
        total = matrix if total is None else torch.matmul(total, matrix)
    if total is None:
        raise ValueError("no slot of this pass holds a geometric operation")
    return total


def _affine(
    op: torch.Tensor, magnitude: torch.Tensor, possible: frozenset[Op], height: int, width: int
) -> torch.Tensor:
    """(B, 3, 3) inverse maps of one slot, the identity for every other operation."""
    zero, one = torch.zeros_like(magnitude), torch.ones_like(magnitude)

    def pick(code: Op, value: torch.Tensor, otherwise: torch.Tensor) -> torch.Tensor:
        return torch.where(op == code.value, value, otherwise) if code in possible else otherwise

    angle = pick(Op.ROTATE, magnitude * (math.pi / 180.0), zero)
    cos, sin = (angle.cos(), angle.sin()) if Op.ROTATE in possible else (one, zero)
    scale = pick(Op.SCALE, 1.0 / magnitude, one)
    a = pick(Op.HFLIP, -one, cos) * scale
    e = pick(Op.VFLIP, -one, cos) * scale
    b = pick(Op.CORNER_SHEAR_X, magnitude, pick(Op.SHEAR_X, magnitude, -sin))
    d = pick(Op.CORNER_SHEAR_Y, magnitude, pick(Op.SHEAR_Y, magnitude, sin))
    # A shear about the corner is one about the centre and a move by half the side.
    x = pick(Op.TRANSLATE_X, -magnitude, pick(Op.CORNER_SHEAR_X, magnitude * (height / 2), zero))
    y = pick(Op.TRANSLATE_Y, -magnitude, pick(Op.CORNER_SHEAR_Y, magnitude * (width / 2), zero))
    return torch.stack([a, b, x, d, e, y, zero, zero, one], 1).view(-1, 3, 3)


def _perspective(moves: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """(B, 3, 3) maps that send the moved corners back to the corners of the image.

    Closed form of Heckbert, "Fundamentals of Texture Mapping and Image Warping" (1989), 2.2.3: no
    linear solve, whose error check would wait for the device.

    Args:
        moves: (B, 9) float32: x, y of the top left, top right, bottom right and bottom left
            corner; the ninth number is unused.
    """
    corners = ((0.0, 0.0), (width - 1.0, 0.0), (width - 1.0, height - 1.0), (0.0, height - 1.0))
    moves = moves.double()
    # As torchvision does, corners are pixel indices while the map acts on pixel centres counted
    # from half a pixel; the origin below is the image centre in those terms.
    x = [moves[:, 2 * i] + corners[i][0] - width / 2 for i in range(4)]
    y = [moves[:, 2 * i + 1] + corners[i][1] - height / 2 for i in range(4)]
    dx1, dx2, dx3 = x[1] - x[2], x[3] - x[2], x[0] - x[1] + x[2] - x[3]
    dy1, dy2, dy3 = y[1] - y[2], y[3] - y[2], y[0] - y[1] + y[2] - y[3]
    denominator = dx1 * dy2 - dx2 * dy1
    g, h = dx3 * dy2 - dx2 * dy3, dx1 * dy3 - dx3 * dy1
    # Three corners in one line, as of an image one pixel wide, have no map: it stays as it is.
    # One of these is 0 then, exactly, as sums and products of half pixels are.
    at_corners = torch.stack([denominator, g + denominator, h + denominator, g + h + denominator])
    has_map = (at_corners != 0).all(0)[:, None, None]
    g, h = g / denominator, h / denominator
    a, b, c = x[1] - x[0] + g * x[1], x[3] - x[0] + h * x[3], x[0]
    d, e, f = y[1] - y[0] + g * y[1], y[3] - y[0] + h * y[3], y[0]
    # The adjugate is the inverse up to a factor, and a homography has no scale.
    rows = [
        [e - f * h, c * h - b, b * f - c * e],
        [f * g - d, a - c * g, c * d - a * f],
        [d * h - e * g, b * g - a * h, a * e - b * d],
    ]
    # The unit square becomes the image's corner pixels, about the centre.
    first = [rows[0][k] * (width - 1.0) - rows[2][k] * (width / 2) for k in range(3)]
    second = [rows[1][k] * (height - 1.0) - rows[2][k] * (height / 2) for k in range(3)]
    matrix = torch.stack([*first, *second, *rows[2]], 1).view(-1, 3, 3)
    scale = matrix[:, 2:, 2:]  # 0 where what the image's centre shows lies at infinity
    matrix = (matrix / torch.where(scale == 0, 1.0, scale)).float()
    return torch.where(has_map, matrix, torch.eye(3, dtype=torch.float32, device=matrix.device))


def source_coordinates(matrix: torch.Tensor, height: int, width: int) -> tuple[torch.Tensor, ...]:
    """Where each output pixel is looked up.

    Returns:
        x, y: (B, H, W) float32, in input pixels, 0 the centre of the first one.
    """
    half_x, half_y = (width - 1) / 2, (height - 1) / 2
    out_x = torch.arange(width, device=matrix.device, dtype=torch.float32) - half_x
    out_y = (torch.arange(height, device=matrix.device, dtype=torch.float32) - half_y)[:, None]
    m = matrix[:, :, :, None, None].unbind(1)
    x, y, w = (row[:, 0] * out_x + (row[:, 1] * out_y + row[:, 2]) for row in m)
    return x / w + half_x, y / w + half_y


def warp(
    images: torch.Tensor, matrix: torch.Tensor, interpolation: str, fill: tuple[int, ...]
) -> torch.Tensor:
    """Warps each image by its own matrix.

    Args:
        images: (B, C, H, W) uint8.
        matrix: (B, 3, 3) float32 from :func:`matrices`.
        interpolation: "nearest" or "bilinear".
        fill: C bytes for what lies outside.

    Returns:
        (B, C, H, W) uint8, channels_last.
    """
    batch, channels, height, width = images.shape
    x, y = source_coordinates(matrix, height, width)
    if interpolation == "bilinear":
        return _bilinear(images, x, y, fill)
    column, row = torch.round(x), torch.round(y)
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    # Not a clamp: a perspective may divide by zero, and what is not a number stays one.
    index = torch.where(inside, row * width + column, 0.0)
    index = index.long().view(batch, -1, 1).expand(-1, -1, channels)
    pixels = images.permute(0, 2, 3, 1).reshape(batch, -1, channels)
    moved = pixels.gather(1, index).view(batch, height, width, channels).permute(0, 3, 1, 2)
    return torch.where(inside[:, None], moved, fill_image(moved, fill))


def _bilinear(
    images: torch.Tensor, x: torch.Tensor, y: torch.Tensor, fill: tuple[int, ...]
) -> torch.Tensor:
    height, width = images.shape[2:]
    inside = (x > -1) & (x < width) & (y > -1) & (y < height)
    grid = torch.stack([(x * 2 + 1) / width - 1, (y * 2 + 1) / height - 1], -1)
    # A perspective may divide by zero, and grid_sample makes numbers of what is none.
    grid = torch.where(inside[..., None], grid, -3.0)
    # Zeros outside, so shifting by the fill colour blends the border with it as a mask would.
    colour = fill_image(images, fill, torch.float32)
    moved = F.grid_sample(
        images.float() - colour, grid, mode="bilinear", padding_mode="zeros", align_corners=False
    )
    out = (moved + colour).round_().clamp_(0, 255).to(torch.uint8)
    return out.contiguous(memory_format=torch.channels_last)


def fill_image(
    images: torch.Tensor, fill: tuple[int, ...], dtype: torch.dtype | None = None
) -> torch.Tensor:
    """(1, C, 1, 1) of the fill colour, made on the device."""
    dtype = dtype or images.dtype
    if len(set(fill)) == 1:
        return torch.full((1, 1, 1, 1), fill[0], device=images.device, dtype=dtype)
    planes = [torch.full((1, 1, 1, 1), v, device=images.device, dtype=dtype) for v in fill]
    return torch.cat(planes, 1)


def flip(images: torch.Tensor, draws: Draws) -> torch.Tensor:
    """The warp of passes that hold nothing but flips: a choice between two orders of reading.

    Args:
        images: (B, C, H, W) uint8.
        draws: (B, S) draws of HFLIP, VFLIP and the identity.

    Returns:
        (B, C, H, W) uint8 in the memory format of ``images``.
    """
    for op, axis in ((Op.HFLIP, 3), (Op.VFLIP, 2)):
        # Two flips of one kind undo each other.
        chosen = ((draws.op == op.value).sum(1) % 2 == 1)[:, None, None, None]
        images = torch.where(chosen, images.flip(axis), images)
    return images
