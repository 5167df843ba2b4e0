"""The figures of concepts.md, as SVG: `python docs/figures.py` writes them to docs/images."""

from __future__ import annotations

from math import cos, pi, sin
from pathlib import Path

IMAGES = Path(__file__).parent / "images"
BLUE, ORANGE, PALE, GREY = "#4477aa", "#ee7733", "#99bbdd", "#777777"
HATCH = (
    '<defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" '
    f'patternTransform="rotate(45)"><rect width="6" height="6" fill="#ffe3d0"/>'
    f'<line x1="0" y1="0" x2="0" y2="6" stroke="{ORANGE}" stroke-width="3"/></pattern></defs>'
)


def text(x: float, y: float, said: str, anchor: str = "middle") -> str:
    """A line of text."""
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}">{said}</text>'


def box(x: float, y: float, width: float, height: float, fill: str, more: str = "") -> str:
    """A rectangle."""
    size = f'width="{width:g}" height="{height:g}"'
    return f'<rect x="{x:g}" y="{y:g}" {size} fill="{fill}" stroke="#333333" {more}/>'


def drawing(width: int, height: int, parts: list[str]) -> str:
    """A whole SVG file on white."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" font-family="sans-serif" font-size="13">'
    )
    return "\n".join(
        [head, HATCH, f'<rect width="{width}" height="{height}" fill="white"/>', *parts, "</svg>\n"]
    )


def slots() -> str:
    """Slots along z: what was imaged above, what the volume holds below."""
    kinds = ("measured", "measured", "interpolated", "measured", "gap", "gap", "measured")
    fills = {"measured": BLUE, "interpolated": "url(#hatch)", "gap": "white"}
    labels = {"measured": "1", "interpolated": "2", "gap": "0"}
    left, wide = 90, 90
    parts = [
        text(10, 63, "imaged", "start"),
        text(10, 138, "volume", "start"),
        text(10, 178, "label", "start"),
    ]
    for index, kind in enumerate(kinds):
        x = left + wide * index
        parts.append(text(x + wide / 2, 24, f"slot {index + 4:02d}"))
        parts.append(f'<line x1="{x}" y1="32" x2="{x}" y2="186" stroke="{GREY}" stroke-dasharray="2 3"/>')
        if kind == "measured":
            parts.append(box(x, 45, wide + 18, 28, PALE))
        more = 'stroke-dasharray="5 4"' if kind == "gap" else ""
        parts.append(box(x, 115, wide, 36, fills[kind], more))
        if kind == "measured" and index and kinds[index - 1] == "measured":
            parts += [box(x, 115, 18, 36, PALE), text(x + 9, 178, "3")]
        parts.append(text(x + wide / 2, 178, labels[kind]))
    parts.append(
        text(left, 212, "z, the cutting direction; every slot keeps its place and thickness", "start")
    )
    return drawing(left + wide * len(kinds) + 30, 226, parts)


def outline(x: float, y: float, degrees: float, growth: float) -> str:
    """Tissue: a round shape with a notch, turned and grown."""
    points = []
    for step in range(72):
        angle = 2 * pi * step / 72
        radius = (38 + 6 * cos(2 * angle) - 9 * max(0.0, cos(angle - pi / 2)) ** 8) * growth
        turned = angle + degrees * pi / 180
        points.append(f"{x + radius * cos(turned):.1f},{y + radius * sin(turned):.1f}")
    return " ".join(points)


def zmorph() -> str:
    """Planes of a gap: both boundary planes led towards each other, and faded."""
    parts = []
    for index in range(5):
        alpha = index / 4
        x, y = 80 + 130 * index + 8 * alpha, 80 + 10 * alpha
        fill = BLUE if alpha in (0, 1) else "url(#hatch)"
        shape = outline(x, y, 24 * alpha, 1 - 0.1 * alpha)
        parts.append(f'<polygon points="{shape}" fill="{fill}" stroke="#333333"/>')
        parts.append(text(80 + 130 * index, 152, f"a = {alpha:g}"))
    said = ("before[-1], bit for bit", "", "before by T^0.5, after by T^-0.5", "", "after[0], bit for bit")
    parts += [text(80 + 130 * index, 172, line) for index, line in enumerate(said) if line]
    return drawing(680, 188, parts)


FIGURES = {"slots.svg": slots, "zmorph.svg": zmorph}

if __name__ == "__main__":
    for name, make in FIGURES.items():
        (IMAGES / name).write_text(make(), encoding="utf-8")
