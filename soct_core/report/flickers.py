"""Looks: the flicker widgets of the page, and which of them it can afford."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from schemas.pairwise import PairwiseMetrics
from schemas.reportlets import Picture, Polygon
from schemas.slice_id import format_slice_id
from soct_core.report.corrections import correction_command
from soct_core.report.gate_table import GateRow, gates_of
from soct_core.report.run_data import Gap, RegisteredPair, RunData
from soct_core.report.z_match_plot import ZMatchPlot, z_match_plot

MOST_PICTURE_CHARACTERS = 11_000_000
"""Characters of base64 on one page; the pictures that tell least are left out beyond. Chosen by hand."""


_UNCERTAINTY_ALT = (
    "Half the width of the 90 % interval of each voxel of the middle plane: black is known, white may be off "
    "by all that lies between black and white in the other pictures. Bright where the two sides differ."
)


@dataclass(frozen=True)
class FlickerLayer:
    """One picture of a flicker."""

    label: str
    alt: str
    picture: Picture


@dataclass(frozen=True)
class Flicker:
    """Pictures on one grid that can be held or flickered; the last is shown first."""

    key: str
    """Unique on the page."""
    title: str
    layers: tuple[FlickerLayer, ...]
    outline: tuple[str, ...] = ()
    """SVG points of each polygon."""
    cycles: bool = False
    """All in turn, instead of the first against the one chosen."""

    @property
    def size(self) -> int:
        return sum(len(layer.picture.webp) for layer in self.layers)


@dataclass(frozen=True)
class GapView:
    """A gap as the page shows it."""

    gap: Gap
    name: str
    planes: Flicker | None
    slabs: Flicker | None
    gates: tuple[GateRow, ...]


@dataclass(frozen=True)
class PairView:
    """A pair as the page shows it."""

    pair: RegisteredPair
    name: str
    flicker: Flicker | None
    z_match: ZMatchPlot | None
    left_out: bool = False
    """The page was large enough without its pictures."""
    correction: str = ""
    """Command that makes the file with which a user sets the pair by hand; empty where nobody may."""

    @property
    def metrics(self) -> PairwiseMetrics:
        return self.pair.metrics


@dataclass(frozen=True)
class PairGroup:
    """Pairs that a reader looks at with one question in mind."""

    key: str
    title: str
    question: str
    pairs: tuple[PairView, ...]


def gap_views(data: RunData) -> tuple[GapView, ...]:
    """Every attempted gap."""
    return tuple(_gap_view(gap) for gap in data.gaps)


def pair_groups(data: RunData, spent: int = 0) -> tuple[PairGroup, ...]:
    """Suspects first; pictures as far as they fit, `spent` characters being used already."""
    measured = [pair for pair in data.pairs if not data.interpolated & set(pair.ids)]
    suspect = [pair for pair in measured if _is_suspect(pair)]
    good = [pair for pair in measured if not _is_suspect(pair)]
    groups = (
        ("suspect", "Suspect pairs", "Is the pair wrong, or is the tissue damaged?", suspect),
        (
            "neighbours",
            "Neighbours",
            "Does tissue stay put between the two pictures?",
            [pair for pair in good if pair.metrics.role == "neighbours"],
        ),
        (
            "bridges",
            "Bridges across slices that place no others",
            "Does tissue stay put, although a slice lies between?",
            [pair for pair in good if pair.metrics.role == "bridge"],
        ),
        (
            "checks",
            "Checks between second neighbours",
            "They hardly steer, but close triangles that unmask a wrong pair.",
            [pair for pair in good if pair.metrics.role == "check"],
        ),
        (
            "estimates",
            "Pairs with an interpolated slice",
            "Never trusted, whatever their numbers: an estimate must not steer.",
            [pair for pair in data.pairs if data.interpolated & set(pair.ids)],
        ),
    )
    left = MOST_PICTURE_CHARACTERS - spent
    found = []
    for key, title, question, pairs in groups:
        views, left = _affordable((_pair_view(pair, data) for pair in pairs), left)
        if views:
            found.append(PairGroup(key, title, question, views))
    return tuple(found)


def _is_suspect(pair: RegisteredPair) -> bool:
    """Checks see more anatomy between their planes: a warning is nothing unusual there."""
    m = pair.metrics
    return m.overall_status == "error" or (m.overall_status == "warning" and m.role != "check")


def _affordable(views: Iterable[PairView], left: int) -> tuple[tuple[PairView, ...], int]:
    kept = []
    for view in views:
        size = view.flicker.size if view.flicker is not None else 0
        if size > left:
            kept.append(replace(view, flicker=None, left_out=True))
            continue
        left -= size
        kept.append(view)
    return tuple(kept), left


def _gap_view(gap: Gap) -> GapView:
    name, d, seen = format_slice_id(gap.slice_id), gap.diagnostics, gap.reportlet
    above, below = format_slice_id(gap.slice_id - 1), format_slice_id(gap.slice_id + 1)
    planes = slabs = None
    if seen is not None:
        layers = [
            FlickerLayer(f"before ({above})", f"Deepest plane of slice {above}, above the gap.", seen.before)
        ]
        if seen.interpolated is not None:
            alt = f"Middle plane of slice {name}, interpolated by {d.method_used}: an estimate."
            layers.append(FlickerLayer("interpolated", alt, seen.interpolated))
        if seen.uncertainty is not None:
            layers.append(FlickerLayer("uncertainty", _UNCERTAINTY_ALT, seen.uncertainty))
        layers.append(
            FlickerLayer(f"after ({below})", f"First plane of slice {below}, below the gap.", seen.after)
        )
        planes = Flicker(f"gap-{name}-planes", f"Slice {name}, plane by plane", tuple(layers), cycles=True)
    if seen is not None and seen.fixed is not None and seen.moving is not None:
        layers = [
            FlickerLayer(
                f"after ({below})", f"Slab of slice {below}, square root of intensities.", seen.fixed
            ),
            FlickerLayer(
                f"before ({above}), as imaged", _slab_alt(above, "as imaged", d.pre_reg_ncc), seen.moving
            ),
        ]
        if seen.registered is not None:
            alt = _slab_alt(above, "registered", d.post_reg_ncc)
            layers.append(FlickerLayer(f"before ({above}), registered", alt, seen.registered))
        title = f"Slice {name}, registration across the gap"
        slabs = Flicker(f"gap-{name}-slabs", title, tuple(layers), svg_points(seen.outline))
    return GapView(gap, name, planes, slabs, gates_of(d))


def _slab_alt(name: str, how: str, ncc: float | None) -> str:
    likeness = "" if ncc is None else f", NCC {ncc:.2f} with the slab after"
    return f"Slab of slice {name}, {how}{likeness}; the outline is the tissue of the slab after."


def _pair_view(pair: RegisteredPair, data: RunData) -> PairView:
    m, seen = pair.metrics, pair.reportlet
    upper, lower = format_slice_id(m.fixed_id), format_slice_id(m.moving_id)
    name = f"{upper}-{lower}"
    flicker = None
    if seen is not None:
        plane = "" if m.z_index is None else f", plane {m.z_index}"
        layers = [
            FlickerLayer(f"{upper} (upper)", f"Slice {upper}{plane}, the upper of the pair.", seen.fixed),
            FlickerLayer(
                f"{lower}, as imaged",
                f"Slice {lower}, plane {m.moving_z_index}, as imaged{_ncc(m.pre_ncc)}.",
                seen.moving,
            ),
        ]
        if seen.registered is not None:
            moved = f"moved by {m.translation_magnitude or 0:.1f} px and {m.rotation_deg or 0:.2f} degrees"
            alt = f"Slice {lower} {moved}{_ncc(m.post_ncc)}; the outline is the tissue of slice {upper}."
            layers.append(FlickerLayer(f"{lower}, registered", alt, seen.registered))
        flicker = Flicker(
            f"pair-{name}", f"Slices {upper} and {lower}", tuple(layers), svg_points(seen.outline)
        )
    correction = "" if data.interpolated & set(pair.ids) else correction_command(m, data.record.inputs)
    return PairView(pair, name, flicker, z_match_plot(pair), correction=correction)


def _ncc(value: float | None) -> str:
    return "" if value is None else f", NCC {value:.2f}"


def svg_points(outline: tuple[Polygon, ...]) -> tuple[str, ...]:
    """The points of each polygon as SVG writes them."""
    return tuple(" ".join(f"{x:g},{y:g}" for x, y in polygon) for polygon in outline)
