"""A scheduled acquisition: what one file in `deployments/` says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from schemas.contract import Contract
from schemas.quality import QualitySettings
from schemas.settings import Micrometres, ReconstructSettings, Switch

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)]
Tag = Annotated[str, Field(min_length=1, max_length=80)]


class CronTimes(Contract):
    """When runs begin."""

    cron: Annotated[str, Field(min_length=1)]
    """Minute, hour, day of month, month, day of week; `0 * * * *` is every full hour."""
    timezone: str = "UTC"
    """IANA name, as `Europe/Zurich`."""


class DeployedAssessment(Contract):
    """How the slices of an acquisition are scored, as a deployment of its own."""

    schedule: CronTimes | None = None
    """None: runs by hand only."""
    slice_config_out: Path | None = None
    """`scored.csv` within the acquisition by default."""
    exclude: Switch = False
    """Set `auto_excluded` of slices below the limit in that config."""
    output: Path | None = None
    """`quality` within the acquisition by default."""
    settings: QualitySettings = QualitySettings()


class AcquisitionDeployment(Contract):
    """One acquisition, where it lies, when and how it is reconstructed, and perhaps assessed."""

    name: Name
    """By default the name of the file."""
    acquisition: Path
    """Directory with `slice_z{NN}.ome.zarr`; relative to the checkout unless absolute."""
    enabled: Switch = True
    """When false the deployment is there, for runs by hand, but paused."""
    description: str = ""
    tags: tuple[Tag, ...] = ()
    schedule: CronTimes | None = None
    """None: runs by hand only."""
    output: Path | None = None
    """`reconstruction` within the acquisition by default."""
    shifts: Path | None = None
    """`shifts_xy.csv` of slices that are not in common space yet."""
    voxel_size_um: tuple[Micrometres, Micrometres, Micrometres] | None = None
    """(z, y, x), for slices that do not say it."""
    allow_missing: Switch = False
    """Slices with `use=true` but without a file are gaps."""
    settings: ReconstructSettings = ReconstructSettings()
    assess: DeployedAssessment | None = None
    """None: the slices are not assessed."""
