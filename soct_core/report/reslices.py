"""Reslices of the volume, xz and yz, in true proportions, with estimates and gaps marked."""

from __future__ import annotations

from dataclasses import dataclass

from schemas.reportlets import Picture
from schemas.slice_id import format_slice_id
from soct_core.report.axes import Scale, ticks
from soct_core.report.run_data import RunData

# Sizes in SVG units, chosen by eye.
WIDTH, LEFT, RIGHT, TOP, BOTTOM = 960.0, 62.0, 92.0, 8.0, 34.0
_TALLEST = 760.0


@dataclass(frozen=True)
class Band:
    """A slot that was not measured."""

    y: float
    height: float
    kind: str
    label: str


@dataclass(frozen=True)
class Reslice:
    """One cut across the cutting planes, ready to be drawn."""

    axis: str
    picture: Picture
    place: str
    """Where the cut lies."""
    width: float
    height: float
    total_height: float
    bands: tuple[Band, ...]
    depth_ticks: tuple[tuple[float, str], ...]
    side_ticks: tuple[tuple[float, str], ...]


def reslices_of(data: RunData) -> tuple[Reslice, ...]:
    """Both reslices; none without a volume."""
    stack = data.stack
    if stack is None:
        return ()
    _, y_um, x_um = (n * v for n, v in zip(stack.shape, stack.voxel_size_um, strict=True))
    return (
        _reslice(data, "x", x_um, stack.xz, f"y = {stack.xz_y_um / 1000:.2f} mm"),
        _reslice(data, "y", y_um, stack.yz, f"x = {stack.yz_x_um / 1000:.2f} mm"),
    )


def _reslice(data: RunData, axis: str, side_um: float, picture: Picture, place: str) -> Reslice:
    assert data.stack is not None
    depth_um = data.stack.depth_um
    per_um = min((WIDTH - LEFT - RIGHT) / side_um, _TALLEST / depth_um)
    width, height = side_um * per_um, depth_um * per_um
    down, along = Scale(0, depth_um, TOP, TOP + height), Scale(0, side_um, LEFT, LEFT + width)
    return Reslice(
        axis=axis,
        picture=picture,
        place=place,
        width=round(width, 2),
        height=round(height, 2),
        total_height=round(TOP + height + BOTTOM, 2),
        bands=_bands(data, down),
        depth_ticks=tuple((down(v * 1000), text) for v, text in ticks(0, depth_um / 1000, 6)),
        side_ticks=tuple((along(v * 1000), text) for v, text in ticks(0, side_um / 1000, 8)),
    )


def _bands(data: RunData, down: Scale) -> tuple[Band, ...]:
    """Neighbouring gaps become one band."""
    found: list[tuple[str, float, float, list[int]]] = []
    voxel = data.stack.voxel_size_um[0] if data.stack else 1.0
    for row in data.decisions:
        kind = row["slot_state"]
        if kind == "measured":
            continue
        top, bottom = row["slot_top_um"], row["slot_bottom_um"]
        if kind == "interpolated" and row.get("z_first") is not None:
            top, bottom = row["z_first"] * voxel, (row["z_last"] + 1) * voxel
        last = found[-1] if found else None
        if last is not None and last[0] == kind == "gap" and abs(last[2] - top) < 1e-6:
            found[-1] = (kind, last[1], bottom, [*last[3], row["slice_id"]])
        else:
            found.append((kind, top, bottom, [row["slice_id"]]))
    return tuple(
        Band(down(top), round(down(bottom) - down(top), 2), kind, _label(kind, ids))
        for kind, top, bottom, ids in found
    )


def _label(kind: str, ids: list[int]) -> str:
    first = format_slice_id(ids[0])
    span = first if len(ids) == 1 else f"{first}–{format_slice_id(ids[-1])}"
    return f"{span} {'est.' if kind == 'interpolated' else 'gap'}"
