"""The published stack: what later runs leave as it is while slices are only appended.

Once a volume is published, the poses, z corrections and intensity factors of its slices are
frozen, as long as all that it was made from is unchanged and new slices lie behind its last one.
Anything else solves everything anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from schemas.published_stack import (
    PublishedPair,
    PublishedRecord,
    PublishedSlice,
    PublishedVolume,
    StackContents,
)
from schemas.small_file import read_small
from soct_core.affine import Affine2D
from soct_core.stacking.blending import first_change, spans
from soct_core.stacking.canvas import Canvas
from soct_core.stacking.gains import LEAST_FACTOR, MOST_FACTOR
from soct_core.stacking.intensity import MatchedIntensity
from soct_core.stacking.placed_slice import PlacedSlice
from soct_core.stacking.poses import PairVerdict, SolvedPose
from soct_core.storage.atomic import publish_text
from soct_core.storage.records import MAX_RECORD_BYTES


@dataclass(frozen=True)
class PublishedStack:
    """Where everything went in a volume."""

    poses: Mapping[int, SolvedPose]
    """Poses of the measured slices, by id."""
    verdicts: Mapping[tuple[int, int], PairVerdict]
    corrections_um: Mapping[int, float]
    """Corrections of z as solved, by id; empty unless `z_refine` is set."""
    intensity: MatchedIntensity
    interpolated: frozenset[int]
    canvas: Canvas
    depth: int

    def unchanged_planes(self, placed_slices: Sequence[PlacedSlice], depth: int, blend_planes: int) -> int:
        """Planes, from the top, that would be made of the same if these slices were stacked."""
        old = [placed for placed in placed_slices if placed.slice_id in {*self.poses, *self.interpolated}]
        return first_change(spans(old, self.depth, blend_planes), spans(placed_slices, depth, blend_planes))


def continues(now: StackContents, then: StackContents) -> bool:
    """Whether a stack only appends to an earlier one: same down to the last slice of that."""
    last = max(then.measured)
    down_to_last = now.model_copy(
        update={
            "measured": {i: content for i, content in now.measured.items() if i <= last},
            "interpolated": {i: content for i, content in now.interpolated.items() if i <= last},
            "uncertainties": {i: content for i, content in now.uncertainties.items() if i <= last},
            "pairs": tuple(pair for pair in now.pairs if max(pair[:2]) <= last),
            "skip": tuple(i for i in now.skip if i <= last),
            "windows": {i: window for i, window in now.windows.items() if i <= last},
        }
    )
    return down_to_last == then


def write_published(
    path: Path,
    published: PublishedStack,
    contents: StackContents,
    volume: str,
    uncertainty: str | None = None,
) -> None:
    """Write `published.json`; with the fingerprints of the volume that lies beside it and its uncertainty."""
    stack = PublishedVolume(
        contents=contents,
        slices={i: _published_slice(i, published) for i in published.poses},
        pairs=tuple(
            PublishedPair(
                fixed_id=fixed,
                moving_id=moving,
                weight=verdict.weight,
                disagreement_px=verdict.disagreement_px,
                agrees=verdict.agrees,
            )
            for (fixed, moving), verdict in published.verdicts.items()
        ),
        canvas_shape=published.canvas.shape,
        canvas_origin=published.canvas.origin,
        depth=published.depth,
        intensity_step=published.intensity.step,
        matched_cuts=published.intensity.matched,
        unmatched_cuts=published.intensity.unmatched,
        volume=volume,
        uncertainty=uncertainty,
    )
    publish_text(path, PublishedRecord(stack=stack, digest=_digest(stack)).model_dump_json(indent=1) + "\n")


def read_published(path: Path) -> PublishedVolume | None:
    """What was published; None where the file is absent, damaged or not of this kind."""
    try:
        found = PublishedRecord.model_validate_json(read_small(path, MAX_RECORD_BYTES))
    except (OSError, ValidationError):
        return None
    return found.stack if found.digest == _digest(found.stack) and _is_whole(found.stack) else None


def published_of(volume: PublishedVolume) -> PublishedStack:
    """The published stack of a record."""
    slices = volume.slices.items()
    return PublishedStack(
        poses={
            i: SolvedPose(Affine2D(s.matrix, s.translation, s.center), s.source, s.confidence)
            for i, s in slices
        },
        verdicts={
            (p.fixed_id, p.moving_id): PairVerdict(p.weight, p.disagreement_px, p.agrees)
            for p in volume.pairs
        },
        corrections_um={i: s.z_correction_um for i, s in slices},
        intensity=MatchedIntensity(
            {i: s.intensity_factor for i, s in slices},
            volume.intensity_step,
            volume.matched_cuts,
            volume.unmatched_cuts,
        ),
        interpolated=frozenset(volume.contents.interpolated),
        canvas=Canvas(volume.canvas_shape, volume.canvas_origin),
        depth=volume.depth,
    )


def _is_whole(volume: PublishedVolume) -> bool:
    """Whether a record could be one of ours: a digest is no signature, anybody can make one that fits."""
    factors = [s.intensity_factor for s in volume.slices.values()]
    rigid = all(float(np.linalg.det(s.matrix)) > 0 for s in volume.slices.values())
    pairs = {i for p in volume.pairs for i in (p.fixed_id, p.moving_id)}
    return (
        set(volume.slices) == set(volume.contents.measured)
        and pairs <= {*volume.contents.measured, *volume.contents.interpolated}
        and all(LEAST_FACTOR <= factor <= MOST_FACTOR for factor in factors)
        and rigid
        and min(volume.canvas_shape) > 0
        and volume.depth > 0
    )


def _published_slice(slice_id: int, published: PublishedStack) -> PublishedSlice:
    solved = published.poses[slice_id]
    return PublishedSlice(
        matrix=solved.pose.matrix,
        translation=solved.pose.translation,
        center=solved.pose.center,
        source=solved.source,
        confidence=solved.confidence,
        z_correction_um=published.corrections_um.get(slice_id, 0.0),
        intensity_factor=published.intensity.factors.get(slice_id, 1.0),
    )


def _digest(stack: PublishedVolume) -> str:
    return hashlib.blake2b(stack.model_dump_json().encode(), digest_size=16).hexdigest()
