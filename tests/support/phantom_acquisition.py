"""A small acquisition cut from a phantom: nine slices, a single gap and a double one."""

from __future__ import annotations

from pathlib import Path

from schemas.settings import PairwiseSettings, ReconstructSettings
from schemas.simulation import SimulationSettings
from soct_core.simulation.phantom import Phantom, PhantomVolume
from soct_core.simulation.simulate import simulate

SIZE = (40.0, 50.0, 50.0)
DEPTH = 5
"""Planes of a slice: 200 µm of 40 µm each."""
SLICES = 9
MISSING = (2, 5, 6)
"""A single gap and a double one."""
GAPPED = SimulationSettings(missing=MISSING, drift_px=2.0, seed=3)
QUICK = ReconstructSettings(pairwise=PairwiseSettings(registration_engine="ecc"))
"""For tests in which elastix would take most of the time, and is not what they are about."""


def cut_phantom(directory: Path, settings: SimulationSettings = GAPPED) -> Path:
    """Simulate a small acquisition."""
    phantom = PhantomVolume(Phantom.seeded(7), (SLICES * DEPTH, 128, 144), SIZE)
    simulate(phantom, SIZE, settings, directory, "phantom")
    return directory
