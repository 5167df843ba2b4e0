"""The stack stage: read the trail, the slices and the pairs of a run, and write the volume."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from schemas.outcomes import StackOutcome
from schemas.settings import ReconstructSettings
from soct_core import slice_config
from soct_core.acquisition import open_slices
from soct_core.assembly import StackInput, stack
from soct_core.ngff import Zyx
from soct_core.pair_records import read_metrics, read_pair
from soct_core.slots import Slots
from soct_core.volume import open_volume
from soct_core.z_refinement import ZDrift

STAGE = "stack"
VOLUME_NAME = "3d_volume.ome.zarr"
DECISIONS_NAME = "stacking_decisions.csv"


def slots_of(ids: Sequence[int], voxel_z_um: float, settings: ReconstructSettings) -> Slots:
    """The slots of an acquisition, counted from its first used slice."""
    return Slots(min(ids), settings.slicing_interval_um, voxel_z_um, settings.trusted_depth_um)


def stack_run(
    trail: Path,
    measured: Mapping[int, Path],
    interpolated: Mapping[int, Path],
    pairs: Sequence[Path],
    output: Path,
    settings: ReconstructSettings,
    voxel_size_um: Zyx | None = None,
) -> StackOutcome:
    """Stack a run from its files.

    Parameters
    ----------
    trail
        `slice_config_final.csv`; says who must not steer and why gaps are gaps.
    pairs
        Directories of registered pairs.

    Raises
    ------
    SoctError
        If an input is broken or the disk refuses.
    """
    started = time.perf_counter()
    table = slice_config.read(trail)
    volumes = open_slices(dict(measured), voxel_size_um)
    size = next(iter(volumes.values())).voxel_size_um
    given = StackInput(
        measured=volumes,
        interpolated={i: open_volume(path) for i, path in interpolated.items()},
        pairs=[read_pair(path) for path in pairs],
        z_drifts=[drift for path in pairs for drift in _z_drift(path, size[0])],
        skip=frozenset(slice_config.force_skip_slices(table) & set(volumes)),
        slots=slots_of(list(volumes), size[0], settings),
        voxel_size_um=size,
        reasons=_reasons(table),
    )
    volume, decisions = output / STAGE / VOLUME_NAME, output / STAGE / DECISIONS_NAME
    stack(given, settings, volume, decisions)
    return StackOutcome(
        volume=volume,
        decisions=decisions,
        shape=open_volume(volume).shape,
        artefacts=(volume, decisions),
        seconds=time.perf_counter() - started,
    )


def _z_drift(pair: Path, voxel_z_um: float) -> list[ZDrift]:
    metrics = read_metrics(pair)
    if metrics.z_drift is None or not metrics.reliable:
        return []
    weight = metrics.registration_confidence
    return [ZDrift(metrics.fixed_id, metrics.moving_id, metrics.z_drift * voxel_z_um, weight)]


def _reasons(table: pd.DataFrame) -> dict[int, str]:
    """Why a slot is a gap, as far as the trail knows."""
    reasons = {}
    for row in table.to_dict("records"):
        reason = row.get("interpolation_fallback_reason")
        if isinstance(reason, str) and reason:
            reasons[int(row["slice_id"])] = f"hard skip: {reason}"
    return reasons
