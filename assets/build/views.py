"""Random views of RGBA drawings for pretraining, a whole batch at a time on tensors.

The aim is that the model cannot lean on one hand's palette, outline or shading. Nothing here reads
a fluent-3d or high-contrast image.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def random_views(rgba: Tensor, size: int, g: torch.Generator) -> Tensor:
    """Augmented, composited and normalised images.  # (B, 4, H, W) uint8 -> (B, 3, size, size)"""
    x = rgba.float() / 255
    colour, alpha = x[:, :3], x[:, 3:]
    colour = _recolour(colour, g)
    colour = _some(_shade(colour, g), colour, 0.2, g)
    x = _move(torch.cat([colour * alpha, alpha], 1), size, g)
    colour, alpha = x[:, :3], x[:, 3:]
    image = colour + (1 - alpha) * _background(len(x), size, g)
    white = colour + (1 - alpha)
    image = _some(_ink(white, g), image, 0.06, g)
    image = _some(F.avg_pool2d(image, 3, 1, 1, count_include_pad=False), image, 0.15, g)
    image = _some(image + 0.06 * torch.randn(image.shape, generator=g), image, 0.2, g)
    image = _erase(image, g)
    return (image.clamp(0, 1) - 0.5) / 0.5


def plain_views(rgba: Tensor) -> Tensor:
    """The images on white, normalised, as the product shows them to the model."""
    x = rgba.float() / 255
    return (x[:, :3] * x[:, 3:] + (1 - x[:, 3:]) - 0.5) / 0.5


def _rand(n: int, g: torch.Generator, low: float = 0.0, high: float = 1.0) -> Tensor:
    return (low + (high - low) * torch.rand(n, generator=g)).view(n, 1, 1, 1)


def _some(changed: Tensor, same: Tensor, p: float, g: torch.Generator) -> Tensor:
    return torch.where(_rand(len(same), g) < p, changed, same)


def _recolour(colour: Tensor, g: torch.Generator) -> Tensor:
    n = len(colour)
    grey = colour.mean(1, keepdim=True)
    # A turn about the grey axis is a hue shift; most are small, a tenth goes anywhere.
    angle = torch.where(_rand(n, g) < 0.1, _rand(n, g, -math.pi, math.pi), _rand(n, g, -0.3, 0.3))
    colour = _turn_hue(colour, angle.flatten())
    saturation = torch.where(_rand(n, g) < 0.1, torch.zeros(n, 1, 1, 1), _rand(n, g, 0.4, 1.5))
    colour = grey + (colour - grey) * saturation
    colour = (colour - 0.5) * _rand(n, g, 0.6, 1.5) + 0.5 + _rand(n, g, -0.15, 0.15)
    colour = colour.clamp(0, 1) ** torch.exp(_rand(n, g, -0.4, 0.4))
    return _some(1 - colour, colour, 0.02, g)


def _turn_hue(colour: Tensor, angle: Tensor) -> Tensor:
    cos, third = torch.cos(angle), (1 - torch.cos(angle)) / 3
    root = torch.sin(angle) / math.sqrt(3)
    rows = torch.stack([cos + third, third - root, third + root], 1)
    turn = torch.stack([rows, rows.roll(1, 1), rows.roll(2, 1)], 1)  # (B, 3, 3)
    return torch.einsum("bij,bjhw->bihw", turn, colour).clamp(0, 1)


def _shade(colour: Tensor, g: torch.Generator) -> Tensor:
    # Smooth light and dark across the drawing, as a lamp on a round thing would give.
    light = torch.rand((len(colour), 1, 3, 3), generator=g) * 1.1 + 0.45
    light = F.interpolate(light, colour.shape[-2:], mode="bicubic", align_corners=True)
    return (colour * light).clamp(0, 1)


def _move(x: Tensor, size: int, g: torch.Generator) -> Tensor:
    n = len(x)
    angle = _rand(n, g, -0.3, 0.3).flatten()
    zoom = torch.exp(_rand(n, g, -0.35, 0.35)).flatten()
    stretch = torch.exp(_rand(n, g, -0.15, 0.15)).flatten()
    flip = torch.where(torch.rand(n, generator=g) < 0.5, -1.0, 1.0)
    shift = torch.rand((n, 2), generator=g) * 0.4 - 0.2
    cos, sin = torch.cos(angle) * zoom, torch.sin(angle) * zoom
    theta = torch.stack(
        [cos * stretch * flip, -sin, shift[:, 0], sin * flip, cos / stretch, shift[:, 1]], 1
    ).view(n, 2, 3)
    grid = F.affine_grid(theta, [n, 4, size, size], align_corners=False)
    return F.grid_sample(x, grid, align_corners=False)


def _background(n: int, size: int, g: torch.Generator) -> Tensor:
    # Half plain white as in the product, else one colour running into another.
    ends = torch.rand((n, 3, 2, 2), generator=g)
    ends = torch.where(_rand(n, g) < 0.5, ends.mean((2, 3), keepdim=True), ends)
    colours = F.interpolate(ends.expand(n, 3, 2, 2), (size, size), mode="bilinear")
    return _some(torch.ones_like(colours), colours, 0.5, g)


def _ink(image: Tensor, g: torch.Generator) -> Tensor:
    # A pen drawing of it: dark where it is darker than its surroundings, or than a threshold.
    grey = image.mean(1, keepdim=True)
    around = F.avg_pool2d(grey, 7, 1, 3, count_include_pad=False)
    lines = torch.sigmoid((grey - around + _rand(len(grey), g, 0.02, 0.08)) * 60)
    blocks = torch.sigmoid((grey - _rand(len(grey), g, 0.3, 0.8)) * 30)
    return _some(lines, blocks, 0.6, g).expand_as(image)


def _erase(image: Tensor, g: torch.Generator) -> Tensor:
    n, size = len(image), image.shape[-1]
    at = torch.arange(size)
    centre, half = _rand(n, g, 0, size), _rand(n, g, size / 12, size / 5)
    rows = ((at.view(1, 1, -1, 1) - centre).abs() < half) & (
        (at.view(1, 1, 1, -1) - _rand(n, g, 0, size)).abs() < half
    )
    patch = torch.rand((n, 3, 1, 1), generator=g)
    return torch.where(rows & (_rand(n, g) < 0.2), patch, image)
