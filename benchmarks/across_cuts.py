"""Continuity across cuts: likeness of the two planes at every cut, before and after stacking.

    python benchmarks/across_cuts.py ACQ [--output ACQ/reconstruction] [--picture xz.png]

Needs a finished reconstruction. The picture shows an xz reslice of the slices as they are, and
of the volume.
"""

from __future__ import annotations

import argparse
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from schemas.tables.stacking_decisions import STACKING_DECISIONS
from soct_core.arrays import Sliceable
from soct_core.registration.likeness import ncc
from soct_core.registration.working_plane import registration_plane
from soct_core.volume import open_volume


def likeness(a: NDArray[np.generic], b: NDArray[np.generic]) -> float:
    """NCC over the tissue that both planes show."""
    planes = [registration_plane(p, 1) for p in (a, b)]
    return ncc(planes[0].smooth, planes[1].smooth, planes[0].tissue & planes[1].tissue)


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("acquisition", type=Path)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--picture", type=Path)
    arguments = parser.parse_args()
    output = arguments.output or arguments.acquisition / "reconstruction"
    volume = open_volume(output / "stack" / "3d_volume.ome.zarr")
    table = STACKING_DECISIONS.read(output / "stack" / "stacking_decisions.csv")
    here = table[table["slot_state"] == "measured"].astype({"slice_id": int, "z_first": int, "z_last": int})
    measured = here.set_index("slice_id")[["z_first", "z_last"]].sort_index()
    slices: dict[int, Sliceable] = {
        i: open_volume(arguments.acquisition / f"slice_z{i:02d}.ome.zarr") for i in measured.index
    }
    before, after = [], []
    for upper, lower in pairwise(measured.index):
        if lower - upper == 1:
            last, first = measured.loc[upper, "z_last"], measured.loc[lower, "z_first"]
            depth = last - measured.loc[upper, "z_first"]
            before.append(likeness(slices[upper][depth], slices[lower][0]))
            after.append(likeness(volume[last], volume[first]))
    print(f"{len(before)} cuts: mean NCC {np.mean(before):.3f} before stacking, {np.mean(after):.3f} after")
    if arguments.picture:
        draw(arguments.picture, measured, slices, volume)


def draw(path: Path, measured: pd.DataFrame, slices: dict[int, Sliceable], volume: Sliceable) -> None:
    """The middle row of every plane: as imaged, and in the volume."""
    first = next(iter(slices.values()))
    raw = np.zeros((volume.shape[0], first.shape[2]))
    for (_, place), slice_ in zip(measured.iterrows(), (slices[i] for i in measured.index), strict=True):
        planes = slice_[: place["z_last"] - place["z_first"] + 1]
        raw[place["z_first"] : place["z_last"] + 1] = planes[:, first.shape[1] // 2]
    stacked = np.asarray(volume[:, volume.shape[1] // 2])
    figure = Figure(figsize=(12, 5), layout="constrained")
    for axis, image, title in zip(
        figure.subplots(1, 2), (raw, stacked), ("as imaged", "stacked"), strict=True
    ):
        axis.imshow(image, cmap="gray", vmax=np.percentile(image, 99.5), aspect="auto")
        axis.set_title(title)
    figure.savefig(path)


if __name__ == "__main__":
    main()
