"""An acquisition directory: which slices it holds, and which of them are used."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from schemas.image_choice import ImageChoice
from schemas.slice_id import MAX_SLICE_ID, format_slice_id
from soct_core import slice_config
from soct_core.arrays import Zyx
from soct_core.errors import AcquisitionError, TransformError
from soct_core.file_names import (
    CONFIG_NAME,
    MANUAL_FOLDER,
    SHIFTS_NAME,
    SLICES_FOLDER,
    named_manual_pair,
    named_slice_id,
    slice_name,
)
from soct_core.volume import Volume, open_volume
from soct_core.volume.reading import same_voxel_size

_LIKE_A_SLICE = re.compile(r"slice.*\.(?:zarr|zarr\.zip|ozx)", re.ASCII | re.IGNORECASE)
_NAMED_CHUNKS = 3
"""Of a slice, in a warning. Chosen by hand."""
_LIKE_A_TRANSFORM = re.compile(r"slice.*\.(?:tfm|txt|mat|h5|hdf5|json|xfm)|.*\.tfm", re.ASCII | re.IGNORECASE)
_OF_A_RUN = re.compile(r"slice_z\d+_(?:interpolated|uncertainty)\.ome\.zarr", re.ASCII)


@dataclass(frozen=True)
class Acquisition:
    """What was found on disk."""

    directory: Path
    slices: dict[int, Path]
    """Measured slices by id, in the order of their ids."""
    config_path: Path | None
    shifts_path: Path | None
    """`shifts_xy.csv`, if there is one; it is used only when asked for."""
    strays: tuple[str, ...] = ()
    """Names that are nearly those of slices."""
    manual: dict[tuple[int, int], Path] = field(default_factory=dict)
    """Transforms set by hand, by pair: (fixed, moving)."""


def find_acquisition(directory: Path) -> Acquisition:
    """Look for slices in a directory, or in its `slices/`, without opening them.

    Raises
    ------
    AcquisitionError
        If the directory or its slices are not there, or one id is there twice.
    TransformError
        If a file in `manual/` looks like a transform, but its name says no pair, or one that another says.
    """
    if not directory.is_dir():
        raise AcquisitionError(f"{directory}: no such directory")
    slices: dict[int, Path] = {}
    strays = []
    for folder in (directory, directory / SLICES_FOLDER):
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            slice_id = named_slice_id(path)
            if slice_id is None:
                if _LIKE_A_SLICE.fullmatch(path.name) and not _OF_A_RUN.fullmatch(path.name):
                    strays.append(path.name)
                continue
            if slice_id > MAX_SLICE_ID:
                raise AcquisitionError(f"{path}: slice id {slice_id}, wanted at most {MAX_SLICE_ID}")
            if slice_id in slices:
                raise AcquisitionError(f"{path}: slice {slice_id} is there twice, see {slices[slice_id]}")
            slices[slice_id] = path
    if not slices:
        seen = f", only {strays[0]}" if strays else ""
        raise AcquisitionError(f"{directory}: holds no slice_z{{NN}}.ome.zarr, here or in slices/{seen}")
    config, shifts = directory / CONFIG_NAME, directory / SHIFTS_NAME
    return Acquisition(
        directory,
        dict(sorted(slices.items())),
        config if _is_there(config) else None,
        shifts if _is_there(shifts) else None,
        tuple(strays),
        _manual_transforms(directory / MANUAL_FOLDER),
    )


def _manual_transforms(folder: Path) -> dict[tuple[int, int], Path]:
    """Transforms set by hand. A correction that was mistyped must not pass for one that was made."""
    found: dict[tuple[int, int], Path] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        pair = named_manual_pair(path)
        if pair is None:
            if _LIKE_A_TRANSFORM.fullmatch(path.name):
                raise TransformError(f"{path}: wanted a name like slice_z03_z04.tfm, the upper slice first")
            continue
        if pair in found:
            raise TransformError(f"{path}: the pair is there twice, see {found[pair]}")
        found[pair] = path
    return dict(sorted(found.items()))


def _is_there(path: Path) -> bool:
    """Whether a file is there. A broken link counts: without that config, excluded slices would be used."""
    return path.is_symlink() or path.exists()


def slice_table(acquisition: Acquisition) -> pd.DataFrame:
    """The slice config, or one that uses every slice; slices without a row get one."""
    if acquisition.config_path is None:
        return slice_config.from_ids(acquisition.slices)
    table = slice_config.read(acquisition.config_path)
    known = set(table["slice_id"])
    new = [slice_id for slice_id in acquisition.slices if slice_id not in known]
    rows = pd.DataFrame({"slice_id": pd.array(new, dtype="Int64")})
    return pd.concat([table, rows], ignore_index=True) if new else table


def used_slices(
    acquisition: Acquisition, table: pd.DataFrame, *, allow_missing: bool = False
) -> dict[int, Path]:
    """Slices that are used and present, by id.

    Raises
    ------
    AcquisitionError
        If a slice with `use=true` has no file and that was not allowed, or none is left.
    """
    use = table["use"] if "use" in table else pd.Series(pd.NA, index=table.index)
    demanded = {int(i) for i in table.loc[use.fillna(False).astype(bool), "slice_id"]}
    absent = sorted(demanded - set(acquisition.slices))
    if absent and not allow_missing:
        names = ", ".join(map(slice_name, absent))
        raise AcquisitionError(
            f"{acquisition.directory}: {names} not found, but slice_config.csv says use=true; "
            "say use=false, or give --allow-missing to take absent slices for gaps"
        )
    wanted = slice_config.filter_slices_to_use(table)
    used = {i: path for i, path in acquisition.slices.items() if i in wanted}
    if not used:
        raise AcquisitionError(f"{acquisition.directory}: no slice is both used and present")
    return used


def open_slices(
    slices: dict[int, Path],
    voxel_size_um: Zyx | None = None,
    choice: ImageChoice = ImageChoice(),  # noqa: B008
) -> dict[int, Volume]:
    """Open all slices, lazily, and check that they can become one volume.

    Raises
    ------
    AcquisitionError
        If voxel sizes or dtypes differ; the message names both files.
    VolumeError
        If one of them cannot be opened.
    """
    volumes = {i: open_volume(path, voxel_size_um, choice) for i, path in slices.items()}
    first = next(iter(volumes.values()))
    for volume in volumes.values():
        if not same_voxel_size(volume.voxel_size_um, first.voxel_size_um):
            raise AcquisitionError(
                f"{volume.path}: voxel size {volume.voxel_size_um} µm, "
                f"but {first.path.name} has {first.voxel_size_um}"
            )
        if volume.dtype != first.dtype:
            raise AcquisitionError(
                f"{volume.path}: dtype {volume.dtype}, but {first.path.name} has {first.dtype}"
            )
    return volumes


def lost_chunk_warnings(volumes: Iterable[Volume]) -> list[str]:
    """One line about slices that lack chunks amid their tissue; reads what lies around absent chunks.

    Raises
    ------
    ReadError, VolumeError
        If a chunk cannot be read.
    """
    counts, named = [], []
    for volume in volumes:
        lost = volume.lost_chunks()
        if not lost:
            continue
        name = _shown(volume)
        counts.append(f"{name} ({len(lost)} of {volume.chunk_count})")
        some = ", ".join(lost[:_NAMED_CHUNKS]) + ", ..." * (len(lost) > _NAMED_CHUNKS)
        named.append(f"{name}: {some}")
    if not named:
        return []
    return [
        f"chunks are not in the files of slices {', '.join(counts)}: lost, for tissue ends abruptly at them "
        f"({'; '.join(named)}); their voxels count as not measured"
    ]


def remark_warnings(volumes: Iterable[Volume]) -> list[str]:
    """One line for each thing that is to be said about how slices were read."""
    said: dict[str, list[str]] = {}
    for volume in volumes:
        for remark in volume.remarks:
            said.setdefault(remark, []).append(_shown(volume))
    return [f"slices {', '.join(names)} {remark}" for remark, names in said.items()]


def _shown(volume: Volume) -> str:
    slice_id = named_slice_id(volume.path)
    return volume.path.name if slice_id is None else format_slice_id(slice_id)
