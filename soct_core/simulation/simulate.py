"""Simulated acquisitions: a reference volume cut into drifting slices, with the truth beside.

At every cut the block turns, shifts and stretches by a random amount; what was imaged of a lost or
spoiled slice is kept under `truth/`, where no reconstruction looks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from schemas.simulation import SimulationSettings, SimulationTruth, TruePose
from schemas.slice_id import format_slice_id
from soct_core import slice_config
from soct_core.affine import Affine2D, plane_center
from soct_core.arrays import Sliceable, Zyx
from soct_core.errors import AcquisitionError, BadInputError, SettingsError
from soct_core.file_names import slice_name
from soct_core.planes.dtypes import to_dtype, to_float
from soct_core.planes.warp import coverage, warp
from soct_core.registration.working_plane import Aspect, pixel_aspect
from soct_core.simulation.image_formation import attenuation, speckle, uneven_tiles
from soct_core.simulation.phantom import PHANTOM_PLANE, PHANTOM_VOXEL_UM, Phantom, PhantomVolume
from soct_core.storage.atomic import publish_text
from soct_core.volume import open_volume
from soct_core.volume.writing import write_image

TRUTH_NAME = "truth.json"
TRUTH_DIRECTORY = "truth"
DEMO_SPOILED = 5
"""The slice that the demo spoils: any in the middle would do."""
_AGAROSE_PERCENTILE = 2.0
"""Percentile of a middle plane that stands for agarose outside the reference. Chosen by hand."""
MAX_NPZ_BYTES = 2**36
"""A limit chosen by hand: 64 GiB."""


def open_reference(path: Path) -> tuple[Sliceable, Zyx]:
    """Open a reference volume: `.npz` with `volume` and `voxel_size_um`, or OME-Zarr.

    Raises
    ------
    BadInputError
        If the file is neither, or lacks one of the two.
    """
    if not path.exists():
        raise BadInputError(f"{path}: no such file, wanted an .npz or OME-Zarr volume")
    if path.suffix != ".npz":
        volume = open_volume(path)
        return volume, volume.voxel_size_um
    try:
        _refuse_false_claims(path)
        with np.load(path, allow_pickle=False) as arrays:
            data, (z, y, x) = arrays["volume"], arrays["voxel_size_um"]
    except (OSError, KeyError, ValueError, TypeError, BadZipFile) as error:
        raise BadInputError(f"{path}: wanted an .npz with volume and voxel_size_um: {error}") from error
    except Exception as error:  # zlib, tokenize and others raise their own on foreign bytes
        raise BadInputError(f"{path}: is no readable .npz: {type(error).__name__}: {error}") from error
    if data.ndim != 3 or 0 in data.shape or data.dtype.kind not in "uif":
        seen = f"{data.dtype} of shape {data.shape}"
        raise BadInputError(f"{path}: volume is {seen}, wanted real numbers, (z, y, x), none of them 0")
    if not all(math.isfinite(float(v)) and v > 0 for v in (z, y, x)):
        raise BadInputError(f"{path}: voxel_size_um is {(z, y, x)}, wanted finite and positive")
    return data, (float(z), float(y), float(x))


def _refuse_false_claims(path: Path) -> None:
    """Refuse arrays that claim more than their file holds, before room is made for them."""
    with ZipFile(path) as archive:
        for name in ("volume.npy", "voxel_size_um.npy"):
            info = archive.getinfo(name)
            with archive.open(info) as member:
                old = npy.read_magic(member) == (1, 0)
                shape, _, dtype = (npy.read_array_header_1_0 if old else npy.read_array_header_2_0)(member)
                claimed = math.prod(shape) * dtype.itemsize
                if dtype.hasobject or claimed != info.file_size - member.tell() or claimed > MAX_NPZ_BYTES:
                    seen = f"{dtype} of shape {shape} in {info.file_size} bytes"
                    raise ValueError(f"{name} claims to be {seen}")


def simulate(
    reference: Sliceable, voxel_size_um: Zyx, settings: SimulationSettings, out: Path, name: str
) -> SimulationTruth:
    """Cut `reference`, (z, y, x), into slices under `out` and write config and truth.

    Raises
    ------
    SettingsError
        If the reference holds too few planes, or a missing slice is not among those cut.
    OutputError
        If the disk refuses.
    """
    poses = _true_poses(reference, voxel_size_um, settings)
    lost = {*settings.missing, *settings.spoiled}
    unknown = sorted(lost - {pose.slice_id for pose in poses})
    if unknown:
        raise SettingsError(f"missing or spoiled slice {unknown[0]} is not among the {len(poses)} cut")
    if both := sorted({*settings.missing} & {*settings.spoiled}):
        raise SettingsError(f"slice {both[0]} is both missing and spoiled, wanted one of the two")
    agarose = float(np.percentile(np.asarray(reference[reference.shape[0] // 2]), _AGAROSE_PERCENTILE))
    for pose in poses:
        data = np.stack(list(_imaged(reference, voxel_size_um[0], pose, settings, agarose)))
        folder = out / TRUTH_DIRECTORY if pose.slice_id in lost else out
        write_image(folder / slice_name(pose.slice_id), data, voxel_size_um, settings.ngff_version)
        if pose.slice_id in settings.spoiled:
            spoiled = _spoiled(data, settings.seed + pose.slice_id)
            write_image(out / slice_name(pose.slice_id), spoiled, voxel_size_um, settings.ngff_version)
    _write_config(out, poses, settings)
    truth = SimulationTruth(reference=name, voxel_size_um=voxel_size_um, settings=settings, slices=poses)
    publish_text(out / TRUTH_NAME, truth.model_dump_json(indent=2) + "\n")
    return truth


def pose_of(true: TruePose) -> Affine2D:
    """The motion from pixels of the reference to pixels of the slice."""
    return Affine2D.of(true.matrix, true.translation, true.center)


def _true_poses(reference: Sliceable, size: Zyx, settings: SimulationSettings) -> tuple[TruePose, ...]:
    depth = settings.slicing_interval_um / size[0]
    if depth < 1:
        raise SettingsError(f"slicing_interval_um is {depth:.2g} planes of the reference, wanted 1 at least")
    possible = int(reference.shape[0] / depth + 1e-9)
    count = possible if settings.slices is None else settings.slices
    if not 2 <= count <= possible:
        raise SettingsError(f"slices is {count}, but the reference holds {possible} of {depth:g} planes")
    first = (reference.shape[0] - round(count * depth)) // 2
    center = plane_center((reference.shape[1], reference.shape[2]))
    rng = np.random.default_rng(settings.seed)
    pose = Affine2D.identity(center)
    poses = []
    for index in range(count):
        if index:
            pose = _cut_drift(center, pixel_aspect(size), settings, rng).compose(pose)
        poses.append(
            TruePose(
                slice_id=settings.first_id + index,
                first_plane=first + round(index * depth),
                planes=round((index + 1) * depth) - round(index * depth),
                matrix=pose.matrix,
                translation=pose.translation,
                center=pose.center,
            )
        )
    return tuple(poses)


def _cut_drift(
    center: tuple[float, float], aspect: Aspect, settings: SimulationSettings, rng: np.random.Generator
) -> Affine2D:
    """In pixels of the slice; rigid in µm, so drawn in square pixels."""
    square = Affine2D.identity(center).scaled(*aspect).center
    x, y = aspect
    return _square_drift(square, settings, rng).scaled(1 / x, 1 / y)


def _square_drift(
    center: tuple[float, float], settings: SimulationSettings, rng: np.random.Generator
) -> Affine2D:
    turn = settings.drift_deg * rng.uniform(-1, 1)
    length, direction = settings.drift_px * rng.uniform(0, 1), rng.uniform(0, 2 * np.pi)
    moved = Affine2D.rigid(turn, (length * np.cos(direction), length * np.sin(direction)), center)
    if not settings.drift_scale and not settings.drift_shear:
        return moved
    stretch = np.diag(1 + settings.drift_scale * rng.uniform(-1, 1, 2))
    shear = [[1.0, settings.drift_shear * rng.uniform(-1, 1)], [0.0, 1.0]]
    return moved.compose(Affine2D.of(np.array(shear) @ stretch, (0.0, 0.0), center))


def _imaged(
    reference: Sliceable, voxel_z: float, pose: TruePose, settings: SimulationSettings, agarose: float
) -> Iterator[NDArray[Any]]:
    """Planes of one slice as the microscope would have imaged them."""
    rng = np.random.default_rng((settings.seed, pose.slice_id))
    motion = pose_of(pose).inverse()
    shape = reference.shape[1], reference.shape[2]
    covered = coverage(shape, motion)
    brightness: Any = 1.0 + settings.intensity_jitter * rng.uniform(-1, 1)
    if settings.tile_px is not None:
        brightness = brightness * uneven_tiles(shape, settings.tile_px, settings.tile_unevenness, rng)
    for z in range(pose.planes):
        plane = np.asarray(reference[pose.first_plane + z])
        still = motion == Affine2D.identity(motion.center)
        moved = to_float(plane) if still else np.where(covered, warp(to_float(plane), motion), agarose)
        moved = moved * attenuation(z * voxel_z, settings.attenuation_um)
        if settings.speckle_looks:
            moved = moved * speckle(shape, settings.speckle_looks, settings.speckle_px, rng)
        yield to_dtype(moved * brightness, plane.dtype)


def _spoiled(data: NDArray[Any], seed: int) -> NDArray[Any]:
    """What is left of a slice that tore: bands of noise."""
    rng = np.random.default_rng(seed)
    noise = rng.gamma(1.0, float(data.mean()) + 1.0, data.shape)
    bands = (np.arange(data.shape[1]) // max(1, data.shape[1] // 12)) % 2 == 0
    return to_dtype(np.where(bands[None, :, None], noise, data * 0.2), data.dtype)


def _write_config(out: Path, poses: tuple[TruePose, ...], settings: SimulationSettings) -> None:
    table = slice_config.from_ids(pose.slice_id for pose in poses)
    lost = table["slice_id"].isin([*settings.missing, *settings.spoiled])
    table.loc[lost, "use"] = False
    for slice_ids, note in ((settings.missing, "lost at the cut"), (settings.spoiled, "spoiled")):
        table.loc[table["slice_id"].isin(slice_ids), "notes"] = note
    slice_config.write(out / "slice_config.csv", table)


def describe(truth: SimulationTruth) -> str:
    """One line on what was made."""
    lost = [format_slice_id(i) for i in (*truth.settings.missing, *truth.settings.spoiled)]
    depth = truth.slices[0].planes
    return f"{len(truth.slices)} slices of {depth} planes; held out: {', '.join(lost) or 'none'}"


def simulate_demo(directory: Path) -> None:
    """A small phantom with a spoiled slice; an earlier demo is used again, anything else refused.

    Raises
    ------
    AcquisitionError
        If the directory holds something else.
    """
    if (directory / TRUTH_NAME).exists():
        return
    if directory.exists() and any(directory.iterdir()):
        raise AcquisitionError(f"{directory}: is not empty and holds no demo, wanted a new directory")
    settings = SimulationSettings(spoiled=(DEMO_SPOILED,), speckle_looks=8)
    phantom = PhantomVolume(Phantom.seeded(1), (120, *PHANTOM_PLANE), PHANTOM_VOXEL_UM)
    simulate(phantom, PHANTOM_VOXEL_UM, settings, directory, "phantom")
