"""A bar chart as a PNG. Pure: the same bars are the same bytes. Pillow is here and nowhere else."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from botkit.errors import MisuseError

MOST: Final = 750
"""Bars that fit into one chart."""

_WIDTH, _HEIGHT = 900, 380
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 18, 74, 40
# Light grounds and dark text, legible without colours; a client may show it on a dark ground, so it has its own.
_GROUND, _TEXT, _FAINT, _LINE, _BAR = "#ffffff", "#1f2933", "#52606d", "#d9dee4", "#2b6cb0"
_LINES = 4


@dataclass(frozen=True, slots=True)
class Mark:
    """A word under the chart, at the left edge of bar number ``bar`` (from 0), with a thin line above it."""

    bar: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """What is drawn. ``values`` are not negative. Of texts only printable ASCII is shown: the font has no more."""

    title: str
    subtitle: str
    values: Sequence[int]
    marks: Sequence[Mark] = ()


def bar_chart(bars: Bars) -> bytes:
    """``bars`` as a PNG of 900 × 380 pixels. Raises ``MisuseError`` for none, too many or negative values."""
    if not 0 < len(bars.values) <= MOST or min(bars.values) < 0:
        raise MisuseError(f"a chart has 1 to {MOST} bars, none of them negative")
    image = Image.new("RGB", (_WIDTH, _HEIGHT), _GROUND)
    draw = ImageDraw.Draw(image)
    draw.text((_LEFT, 16), _fitting(bars.title, 20), fill=_TEXT, font=ImageFont.load_default(20))
    draw.text((_LEFT, 44), _fitting(bars.subtitle, 14), fill=_FAINT, font=ImageFont.load_default(14))
    step = step_for(max(bars.values))
    _lines(draw, step)
    _marks(draw, bars)
    _bars(draw, bars.values, step * _LINES)
    out = io.BytesIO()
    image.quantize(32).save(out, "PNG", optimize=True)
    return out.getvalue()


def step_for(most: int) -> int:
    """What lies between two lines, so that four of them reach ``most``: 1, 2, 3, 5 or 10 times a power of ten."""
    scale = 1
    while True:
        for factor in (1, 2, 3, 5):
            if factor * scale * _LINES >= most:
                return factor * scale
        scale *= 10


def shown(text: str) -> str:
    """``text`` with what the font has not as "?"."""
    return "".join(char if " " <= char <= "~" else "?" for char in text)


def _fitting(text: str, size: int) -> str:
    found, font = shown(text[:200]), ImageFont.load_default(size)
    if font.getlength(found) <= _WIDTH - _LEFT - _RIGHT:
        return found
    while font.getlength(found + "...") > _WIDTH - _LEFT - _RIGHT:
        found = found[:-1]
    return found + "..."


def _lines(draw: ImageDraw.ImageDraw, step: int) -> None:
    font = ImageFont.load_default(13)
    for number in range(_LINES + 1):
        y = _HEIGHT - _BOTTOM - round(number * (_HEIGHT - _TOP - _BOTTOM) / _LINES)
        draw.line((_LEFT, y, _WIDTH - _RIGHT, y), fill=_TEXT if number == 0 else _LINE)
        draw.text((_LEFT - 8, y), str(number * step), fill=_FAINT, font=font, anchor="rm")


def _left_of(bar: int, count: int) -> int:
    return _LEFT + round(bar * (_WIDTH - _LEFT - _RIGHT) / count)


def _marks(draw: ImageDraw.ImageDraw, bars: Bars) -> None:
    """Words that would run into the one before, or out of the picture, are left out; their lines are not."""
    font = ImageFont.load_default(13)
    end = 0.0
    for mark in bars.marks:
        x = _left_of(mark.bar, len(bars.values))
        draw.line((x, _TOP, x, _HEIGHT - _BOTTOM + 6), fill=_LINE)
        text = shown(mark.text)
        width = font.getlength(text)
        if x >= end and x + 4 + width <= _WIDTH:
            draw.text((x + 4, _HEIGHT - _BOTTOM + 10), text, fill=_FAINT, font=font)
            end = x + 4 + width + 8


def _bars(draw: ImageDraw.ImageDraw, values: Sequence[int], top: int) -> None:
    floor = _HEIGHT - _BOTTOM
    for number, value in enumerate(values):
        if value:
            left, right = _left_of(number, len(values)), _left_of(number + 1, len(values))
            gap = 1 if right - left > 3 else 0
            height = max(1, round(value * (floor - _TOP) / top))  # what is there is seen
            draw.rectangle((left + gap, floor - height, right - 1, floor - 1), fill=_BAR)
