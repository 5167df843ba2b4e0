"""Make a run that other programs read, and note what they must find: `foreign/made.py FOLDER`.

A small phantom with a lost slice, at a place of its own in the world, reconstructed as NGFF 0.4 and 0.5.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from reported_run import QUICK, run_stages

from schemas.settings import NgffVersion
from schemas.simulation import SimulationSettings
from soct_core.file_names import INTERPOLATIONS, PUBLISHED_PATH, VOLUME_PATH, interpolated_name
from soct_core.simulation.phantom import Phantom, PhantomVolume
from soct_core.simulation.simulate import simulate
from soct_core.stacking.published import read_published
from soct_core.volume import open_volume
from soct_core.volume.provenance import LABEL_COLOURS

VOXEL_UM, ORIGIN_UM = (40.0, 50.0, 50.0), (1000.0, 300.0, -200.0)
INTERVAL_UM, LOST, SLICES = 200.0, 2, 5
_PLANE = (256, 288)


def main() -> None:
    """Make both, each beside the JSON files that say what must be found."""
    p = argparse.ArgumentParser(description="Make a run that other programs read.")
    p.add_argument("folder", type=Path)
    folder = p.parse_args().folder
    versions: tuple[NgffVersion, ...] = ("0.4", "0.5")
    for version in versions:
        acquisition = folder / version
        _simulate(acquisition, version)
        run_stages(acquisition, QUICK.model_copy(update={"ngff_version": version}))
        _note(acquisition)


def _simulate(acquisition: Path, version: NgffVersion) -> None:
    shape = (SLICES * round(INTERVAL_UM / VOXEL_UM[0]), *_PLANE)
    settings = SimulationSettings(missing=(LOST,), drift_px=2.0, seed=3, ngff_version=version)
    simulate(PhantomVolume(Phantom.seeded(7), shape, VOXEL_UM), VOXEL_UM, settings, acquisition, "phantom")
    for path in acquisition.glob("slice_z*.ome.zarr"):
        depth = int(path.name[7:9]) * INTERVAL_UM
        file = path / (".zattrs" if version == "0.4" else "zarr.json")
        document = json.loads(file.read_text())
        for dataset in _image_of(document)["datasets"]:
            place = dataset["coordinateTransformations"][1]["translation"]
            moved = np.sum([place, ORIGIN_UM, (depth, 0, 0)], axis=0)
            dataset["coordinateTransformations"][1]["translation"] = moved.tolist()
        file.write_text(json.dumps(document))


def _note(acquisition: Path) -> None:
    run = acquisition / "reconstruction"
    published = read_published(run / PUBLISHED_PATH)
    if published is None:
        raise SystemExit(f"{run}: the run left no record of its volume")
    left, top = published.canvas_origin
    z, y, x = ORIGIN_UM
    corner = [z, y + top * VOXEL_UM[1], x + left * VOXEL_UM[2]]
    lost = [z + LOST * INTERVAL_UM, y, x]
    colours = {str(value): list(rgba) for value, rgba in LABEL_COLOURS.items()}
    images = {
        "slice": (f"{INTERPOLATIONS}/{interpolated_name(LOST)}", lost, None),
        "stack": (VOLUME_PATH, corner, None),
        "labels": (f"{VOLUME_PATH}/labels/provenance", corner, colours),
    }
    for what, (path, place, colour) in images.items():
        image = run / path
        np.save(acquisition / f"{what}.npy", open_volume(image)[...])
        said = {
            "path": str(image.relative_to(acquisition)),
            "scale": VOXEL_UM,
            "translation": place,
            "colours": colour,
            "window": _window(image),
        }
        (acquisition / f"{what}.json").write_text(json.dumps(said))


def _window(image: Path) -> list[float] | None:
    file = next(image / name for name in ("zarr.json", ".zattrs") if (image / name).exists())
    found = _content(json.loads(file.read_text())).get("omero")
    if found is None:
        return None
    window = found["channels"][0]["window"]
    return [window["start"], window["end"]]


def _image_of(document: dict[str, Any]) -> dict[str, Any]:
    image: dict[str, Any] = _content(document)["multiscales"][0]
    return image


def _content(document: dict[str, Any]) -> dict[str, Any]:
    attributes: dict[str, Any] = document.get("attributes", document)
    content: dict[str, Any] = attributes.get("ome", attributes)
    return content


if __name__ == "__main__":
    main()
