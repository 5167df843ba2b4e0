"""Write one image by every writer of this environment: `python foreign/write.py FOLDER`.

Each is used as its own documentation has it. A JSON file beside each image says by what it was made.
Runs in an environment of its own, without this project.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from source import CHUNKS, ORIGIN_UM, SHAPE, VOXEL_UM, voxels

SIZES = dict(zip("zyx", VOXEL_UM, strict=True))
PLACES = dict(zip("zyx", ORIGIN_UM, strict=True))
UNITS = dict.fromkeys("zyx", "micrometer")
Writer = Callable[[Path], None]
WRITERS: dict[str, tuple[str, Writer, dict[str, Any]]] = {}


def writer(package: str, name: str, **said: Any) -> Callable[[Writer], Writer]:
    """Note a writer under a name; `said` is what differs from the rule."""

    def note(function: Writer) -> Writer:
        WRITERS[name] = package, function, said
        return function

    return note


def _ome_zarr(path: Path, number: str, **how: Any) -> None:
    import zarr
    from ome_zarr.format import format_from_version
    from ome_zarr.io import parse_url
    from ome_zarr.writer import write_image

    form = format_from_version(number)
    group = zarr.group(store=parse_url(path, mode="w", fmt=form).store)
    write_image(voxels(), group, fmt=form, storage_options={"chunks": CHUNKS}, **how)


for _number in ("0.4", "0.5"):

    @writer("ome-zarr", f"ome-zarr {_number}")
    def _(path: Path, number: str = _number) -> None:
        _ome_zarr(path, number, axes="zyx", scale=SIZES, axes_units=UNITS, scale_factors=[2])

    @writer("ome-zarr", f"ome-zarr {_number}, axes as dicts")
    def _(path: Path, number: str = _number) -> None:
        axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"]
        sizes = [[{"type": "scale", "scale": [v * 2**k for v in VOXEL_UM]}] for k in range(2)]
        _ome_zarr(path, number, axes=axes, coordinate_transformations=sizes, scale_factors=[2])


@writer("ome-zarr", "ome-zarr 0.3")
def _(path: Path) -> None:
    _ome_zarr(path, "0.3", axes="zyx", scale_factors=[2])


for _number in ("0.4", "0.5", "0.6"):

    @writer("ngff-zarr", f"ngff-zarr {_number}", placed=True)
    def _(path: Path, number: str = _number) -> None:
        import ngff_zarr

        image = ngff_zarr.to_ngff_image(
            voxels(), dims=list("zyx"), scale=SIZES, translation=PLACES, axes_units=UNITS
        )
        levels = ngff_zarr.to_multiscales(image, scale_factors=[2], chunks=16)
        ngff_zarr.to_ngff_zarr(str(path), levels, version=number)


@writer("ngff-zarr", "ngff-zarr 0.5, shards", placed=True)
def _(path: Path) -> None:
    import ngff_zarr

    image = ngff_zarr.to_ngff_image(
        voxels(), dims=list("zyx"), scale=SIZES, translation=PLACES, axes_units=UNITS
    )
    levels = ngff_zarr.to_multiscales(image, scale_factors=[2], chunks=8)
    ngff_zarr.to_ngff_zarr(str(path), levels, version="0.5", chunks_per_shard=2)


@writer("ngff-zarr", "ngff-zarr, .ozx", path="slice_z00.ozx")
def _(path: Path) -> None:
    import ngff_zarr

    image = ngff_zarr.to_ngff_image(voxels(), dims=list("zyx"), scale=SIZES, axes_units=UNITS)
    ngff_zarr.to_ngff_zarr(str(path), ngff_zarr.to_multiscales(image, scale_factors=[2]), version="0.5")


for _form in (2, 3):

    @writer("bioio-ome-zarr", f"bioio-ome-zarr, zarr v{_form}")
    def _(path: Path, form: Any = _form) -> None:
        from bioio_ome_zarr.writers import OMEZarrWriter

        made = OMEZarrWriter(
            str(path),
            level_shapes=[SHAPE, tuple(n // 2 for n in SHAPE)],
            dtype="uint16",
            zarr_format=form,
            axes_names=list("zyx"),
            axes_types=["space"] * 3,
            axes_units=["micrometer"] * 3,
            physical_pixel_size=list(VOXEL_UM),
        )
        made.write_full_volume(voxels())

    @writer("bioio-ome-zarr", f"bioio-ome-zarr, zarr v{_form}, two channels", channel=True)
    def _(path: Path, form: Any = _form) -> None:
        from bioio_ome_zarr.writers import OMEZarrWriter

        made = OMEZarrWriter(
            str(path),
            level_shapes=[(1, 2, *SHAPE)],
            dtype="uint16",
            zarr_format=form,
            axes_names=list("tczyx"),
            axes_units=[None, None, *["micrometer"] * 3],
            physical_pixel_size=[1.0, 1.0, *VOXEL_UM],
        )
        made.write_full_volume(np.stack([voxels(), voxels() + 7])[None])


for _number in ("0.4", "0.5"):

    @writer("ngio", f"ngio {_number}")
    def _(path: Path, number: Any = _number) -> None:
        import ngio

        z, y, x = VOXEL_UM
        ngio.create_ome_zarr_from_array(
            path,
            voxels(),
            pixelsize=(y, x),
            z_spacing=z,
            axes_names=list("zyx"),
            levels=2,
            ngff_version=number,
        )


def _metadata(path: Path, number: str, unit: str = "micrometer", **more: Any) -> None:
    """Metadata as a script would write them."""
    axes = [{"name": name, "type": "space", "unit": unit} for name in "zyx"]
    sizes = [
        {"type": "scale", "scale": list(VOXEL_UM)},
        {"type": "translation", "translation": list(ORIGIN_UM)},
    ]
    image = {"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": sizes}], **more}
    if number == "0.5":
        ome = {"version": "0.5", "multiscales": [image]}
        group = {"zarr_format": 3, "node_type": "group", "attributes": {"ome": ome}}
        (path / "zarr.json").write_text(json.dumps(group))
    else:
        (path / ".zgroup").write_text(json.dumps({"zarr_format": 2}))
        (path / ".zattrs").write_text(json.dumps({"multiscales": [{"version": number, **image}]}))


def _tensorstore(path: Path, dimension_names: list[str], order: str = "C") -> None:
    import tensorstore

    path.mkdir(parents=True)
    grid = {"name": "regular", "configuration": {"chunk_shape": list(CHUNKS)}}
    codecs: list[dict[str, Any]] = [{"name": "bytes"}, {"name": "zstd"}]
    if order == "F":
        codecs.insert(0, {"name": "transpose", "configuration": {"order": [2, 1, 0]}})
    metadata = {
        "shape": list(SHAPE),
        "data_type": "uint16",
        "chunk_grid": grid,
        "codecs": codecs,
        "dimension_names": dimension_names,
    }
    spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": str(path / "0")}, "metadata": metadata}
    tensorstore.open(spec, create=True).result().write(voxels()).result()
    _metadata(path, "0.5")


@writer("tensorstore", "tensorstore, zarr v3", placed=True)
def _(path: Path) -> None:
    _tensorstore(path, list("zyx"))


@writer("tensorstore", "tensorstore, zarr v3, Fortran order in chunks", placed=True)
def _(path: Path) -> None:
    _tensorstore(path, list("zyx"), "F")


@writer("tensorstore", "tensorstore, names contradict axes", contradicts=True)
def _(path: Path) -> None:
    _tensorstore(path, list("xyz"))


@writer("tensorstore", "tensorstore, zarr v2", placed=True)
def _(path: Path) -> None:
    import tensorstore

    path.mkdir(parents=True)
    metadata = {"shape": list(SHAPE), "chunks": list(CHUNKS), "dtype": "<u2", "dimension_separator": "/"}
    spec = {"driver": "zarr", "kvstore": {"driver": "file", "path": str(path / "0")}, "metadata": metadata}
    tensorstore.open(spec, create=True).result().write(voxels()).result()
    _metadata(path, "0.4")


@writer("acquire-zarr", "acquire-zarr 0.5")
def _(path: Path) -> None:
    import acquire_zarr

    kind = acquire_zarr.DimensionType.SPACE
    dimensions = [
        acquire_zarr.Dimension(
            name=name,
            kind=kind,
            array_size_px=0 if name == "z" else size,
            chunk_size_px=chunk,
            shard_size_chunks=1,
            unit="micrometer",
            scale=voxel,
        )
        for name, size, chunk, voxel in zip("zyx", SHAPE, CHUNKS, VOXEL_UM, strict=True)
    ]
    array = acquire_zarr.ArraySettings(
        dimensions=dimensions, data_type=acquire_zarr.DataType.UINT16, is_ngff=True
    )
    stream = acquire_zarr.ZarrStream(
        acquire_zarr.StreamSettings(arrays=[array], store_path=str(path), overwrite=True)
    )
    stream.append(voxels())
    stream.close()


for _number, _unit in (("0.4", "micrometer"), ("0.5", "micrometer"), ("0.4", "um"), ("0.5", "furlong")):

    @writer("dask", f"dask {_number}, unit {_unit}", placed=_unit != "furlong")
    def _(path: Path, number: str = _number, unit: str = _unit) -> None:
        import dask.array
        import zarr

        path.mkdir(parents=True)
        lazy = dask.array.from_array(voxels(), chunks=CHUNKS)
        if number == "0.5":
            target = zarr.create_array(path / "0", shape=SHAPE, chunks=CHUNKS, dtype="uint16")
            lazy.store(target, lock=False)
        else:
            lazy.to_zarr(str(path / "0"), zarr_format=2)
        _metadata(path, number, unit)


@writer("iohub", "iohub, axes T C Z Y X")
def _(path: Path) -> None:
    from iohub.ngff import TransformationMeta, open_ome_zarr

    with open_ome_zarr(path, layout="fov", mode="w", channel_names=["OCT"]) as image:
        size = TransformationMeta(type="scale", scale=[1.0, 1.0, *VOXEL_UM])
        image.create_image("0", voxels()[None, None], chunks=(1, 1, *CHUNKS), transform=[size])


@writer("iohub", "iohub, a plate")
def _(path: Path) -> None:
    from iohub.ngff import open_ome_zarr

    with open_ome_zarr(path, layout="hcs", mode="w", channel_names=["OCT"]) as plate:
        plate.create_position("A", "1", "0").create_image("0", voxels()[None, None])


def main() -> None:
    """Write by all of them that are installed."""
    p = argparse.ArgumentParser(description="Write one image by every writer of this environment.")
    p.add_argument("folder", type=Path)
    folder = p.parse_args().folder
    warnings.simplefilter("ignore")
    for number, (name, (package, function, said)) in enumerate(WRITERS.items()):
        try:
            seen = version(package)
        except PackageNotFoundError:
            continue
        rule = {"path": f"{number:02d}/{said.get('path', 'slice_z00.ome.zarr')}", "dtype": "uint16"}
        record = (
            {"name": name, "version": f"{package} {seen}", "placed": False, "channel": False} | said | rule
        )
        record["error"] = ""
        try:
            (folder / f"{number:02d}").mkdir(parents=True)
            function(folder / record["path"])
        except Exception as error:
            record["error"] = f"{type(error).__name__}: {error}"
        (folder / f"{number:02d}.json").write_text(json.dumps(record))


if __name__ == "__main__":
    main()
