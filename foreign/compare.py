"""Read what other programs wrote and compare every voxel with the source: `foreign/compare.py FOLDER`.

Prints a table, writer by result. Exit code 1 if anything was read wrong, or refused without a remedy.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from source import ORIGIN_UM, VOXEL_UM, voxels

from schemas.image_choice import ImageChoice
from soct_core.errors import BadInputError
from soct_core.volume import open_volume

_REMEDIES = (
    "--voxel-size-um",
    "--channel",
    "--image",
    "unzip it",
    "write it anew",
    "one of its fields",
    "correct the one",
)


def main() -> int:
    """Exit code 0 if all was read right or refused with a remedy."""
    p = argparse.ArgumentParser(description="Compare what foreign/write.py wrote with its source.")
    p.add_argument("folder", type=Path, nargs="+", help="made by foreign/write.py")
    rows = [_row(path) for folder in p.parse_args().folder for path in sorted(folder.glob("*.json"))]
    print("| writer | version | result |\n| --- | --- | --- |")
    for name, version, result in rows:
        print(f"| {name} | {version} | {result} |")
    good = sum(result.startswith("read") for _, _, result in rows)
    wrong = [name for name, _, result in rows if result.startswith("wrong")]
    refused = sum(result.startswith("refused") for _, _, result in rows)
    print(f"\n{good} read right, {refused} refused with a remedy, {len(wrong)} wrong")
    return 1 if wrong else 0


def _row(record: Path) -> tuple[str, str, str]:
    said = json.loads(record.read_text())
    name, version = said["name"], said["version"]
    if said["error"]:
        return name, version, f"not written: {said['error'][:120]}"
    return name, version, _result(record.parent / said["path"], said)


def _result(path: Path, said: dict[str, object]) -> str:
    choice = ImageChoice(channel=1) if said["channel"] else ImageChoice()
    note = ""
    try:
        volume = open_volume(path, None, choice)
    except BadInputError as error:
        text = str(error).partition(": ")[2]
        if "--voxel-size-um" not in text:
            kind = (
                "refused"
                if any(remedy in text for remedy in _REMEDIES)
                else "wrong: refused without a remedy"
            )
            return f"{kind}: {text[:160]}"
        note = f", with --voxel-size-um ({text[:70]})"
        volume = open_volume(path, VOXEL_UM, choice)
    wanted = voxels(str(said["dtype"])) + (7 if said["channel"] else 0)
    if volume.shape != wanted.shape or not np.array_equal(volume[...], wanted):
        return f"wrong: other voxels, shape {volume.shape}"
    if not np.allclose(volume.voxel_size_um, VOXEL_UM):
        return f"wrong: voxels of {volume.voxel_size_um} µm"
    place = "" if np.allclose(volume.origin_um, ORIGIN_UM) or not said["placed"] or note else ", no place"
    warned = f", warned: {'; '.join(volume.remarks)}" if volume.remarks else ""
    return f"read{place}{note}{warned}"


if __name__ == "__main__":
    sys.exit(main())
