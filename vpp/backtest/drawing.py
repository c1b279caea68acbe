"""Plots as inline SVG: lines, steps and bars over one pair of axes."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from vpp.domain.arrays import Floats

WIDTH, HEIGHT = 860, 260
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 12, 36
COLOURS = ("#0b6e4f", "#b3541e", "#3d5a98", "#8a8a8a", "#8e3b8a", "#c09a1a", "#2b2b2b")
MOST_POINTS = 1500
"""Of a line; longer ones keep the least and the highest of each stretch."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Line:
    """Values over the plot's axis, or bars from zero; NaN leaves a gap."""

    name: str
    x: Floats
    y: Floats
    bars: bool = False


def plot(lines: Sequence[Line], *, x_name: str, y_name: str, ticks: Sequence[str] = ()) -> str:
    """An SVG element.

    Args:
        lines: What to draw, with its names in the legend.
        x_name: Under the axis.
        y_name: Beside it, with its unit.
        ticks: Texts spread evenly along the axis, instead of its numbers.
    """
    lines = [line for line in lines if np.isfinite(line.y).any()]
    if not lines:
        return "<p>Nothing to draw.</p>"
    scale = _Scale(lines)
    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT + 18}" role="img" aria-label="{escape(y_name)}">']
    parts += _axes(scale, x_name, y_name, ticks)
    for number, line in enumerate(lines):
        colour = COLOURS[number % len(COLOURS)]
        parts += _bars(scale, line, colour) if line.bars else _path(scale, line, colour)
        x = LEFT + 8 + number * (WIDTH - LEFT) / max(len(lines), 4)
        parts.append(
            f'<rect x="{x:.0f}" y="{HEIGHT + 4}" width="10" height="10" fill="{colour}"/>'
            f'<text x="{x + 14:.0f}" y="{HEIGHT + 13}">{escape(line.name)}</text>'
        )
    return "".join([*parts, "</svg>"])


class _Scale:
    """From values to places on the page."""

    def __init__(self, lines: Sequence[Line]) -> None:
        x = np.concatenate([line.x for line in lines])
        y = np.concatenate([line.y for line in lines])
        self.x = _span(float(np.nanmin(x)), float(np.nanmax(x)))
        low, high = float(np.nanmin(y)), float(np.nanmax(y))
        self.y = _span(min(low, 0.0), max(high, 0.0))

    def across(self, x: Floats) -> Floats:
        return np.asarray(LEFT + (x - self.x[0]) / (self.x[1] - self.x[0]) * (WIDTH - LEFT - RIGHT))

    def up(self, y: Floats) -> Floats:
        part = (y - self.y[0]) / (self.y[1] - self.y[0])
        return np.asarray(HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM))


def _span(low: float, high: float) -> tuple[float, float]:
    return (low, high) if high > low else (low, low + 1.0)


def _axes(scale: _Scale, x_name: str, y_name: str, ticks: Sequence[str]) -> list[str]:
    found = []
    for value in _round_values(*scale.y):
        y = float(scale.up(np.array(value)))
        found.append(
            f'<line class="g" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="r" x="{LEFT - 6}" y="{y + 4:.1f}">{value:g}</text>'
        )
    marks: list[tuple[float, str]] = [(v, f"{v:g}") for v in _round_values(*scale.x)]
    if ticks:
        marks = list(zip(np.linspace(*scale.x, len(ticks)).tolist(), ticks, strict=True))
    for value, text in marks:
        x = float(scale.across(np.array(value)))
        found.append(
            f'<text class="m" x="{x:.1f}" y="{HEIGHT - BOTTOM + 14}">{escape(text)}</text>'
        )
    middle = (LEFT + WIDTH - RIGHT) / 2
    found.append(f'<text class="m" x="{middle}" y="{HEIGHT - 6}">{escape(x_name)}</text>')
    turned = f'transform="translate(12,{(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)"'
    return [*found, f'<text class="m" {turned}>{escape(y_name)}</text>']


def _round_values(low: float, high: float) -> list[float]:
    """Round numbers between two, some five of them."""
    raw = (high - low) / 5
    power = 10.0 ** np.floor(np.log10(raw))
    step = power * next(n for n in (1, 2, 5, 10) if n * power >= raw * (1 - 1e-9))
    values = np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step
    return [float(round(value, 10)) + 0.0 for value in values]


def _path(scale: _Scale, line: Line, colour: str) -> list[str]:
    x, y = _thinned(line.x, line.y)
    found, pieces = [], np.split(np.arange(len(x)), np.flatnonzero(np.isnan(y)))
    for piece in pieces:
        kept = piece[np.isfinite(y[piece])]
        if len(kept):
            places = zip(scale.across(x[kept]), scale.up(y[kept]), strict=True)
            points = " ".join(f"{px:.1f},{py:.1f}" for px, py in places)
            found.append(f'<polyline stroke="{colour}" points="{points}"/>')
    return found


def _thinned(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    if len(x) <= MOST_POINTS:
        return x, y
    kept: list[int] = []
    for part in np.array_split(np.arange(len(x)), MOST_POINTS // 2):
        ends = (y[part].argmin(), y[part].argmax())
        kept += sorted({int(part[end]) for end in ends})
    return x[kept], y[kept]


def _bars(scale: _Scale, line: Line, colour: str) -> list[str]:
    width = (WIDTH - LEFT - RIGHT) / max(len(line.x), 1) * 0.8
    zero = float(scale.up(np.array(0.0)))
    found = []
    for x, y in zip(scale.across(line.x), scale.up(np.nan_to_num(line.y)), strict=True):
        top, height = min(y, zero), abs(y - zero)
        left = min(max(x - width / 2, LEFT), WIDTH - RIGHT - width)
        found.append(
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.2f}" height="{height:.1f}"'
            f' fill="{colour}"/>'
        )
    return found
