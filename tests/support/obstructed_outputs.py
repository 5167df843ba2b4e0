"""Operational faults made real: directories, not empty, stand where two tasks want to publish files."""

from __future__ import annotations

from pathlib import Path

FAULTS = (
    "interpolate_missing_slice/slice_z02_manifest.csv",
    "register_pairwise/slice_z03_z04/transform.json",
)
FAILING = {"interpolate z02", "register z03-z04"}
DEPENDING = {"finalise audit trail", "preview z02", "register z01-z02", "register z02-z03", "stack", "report"}
"""What cannot be done before the failing ones; of the acquisition in `flows/conftest.py`."""


def obstruct(output: Path) -> None:
    """Make the tasks named in `FAILING` fail."""
    for fault in FAULTS:
        (output / fault / "in the way").mkdir(parents=True)


def clear(output: Path) -> None:
    """Undo `obstruct`."""
    for fault in FAULTS:
        (output / fault / "in the way").rmdir()
        (output / fault).rmdir()
