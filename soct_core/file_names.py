"""Names of files and folders: what an acquisition holds, and what a run leaves in its output."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from schemas.slice_id import format_slice_id
from soct_core.errors import RecordError

# An acquisition.
CONFIG_NAME, SHIFTS_NAME = "slice_config.csv", "shifts_xy.csv"
SLICES_FOLDER = "slices"
SLICE_NAME = re.compile(
    r"slice_z(\d{1,8})(?:_(?![\w-]*(?:interpolated|uncertainty))[\w-]+)?\.ome\.zarr", re.ASCII
)
"""Upstream tools leave what they did last in the name: `slice_z05_normalize.ome.zarr`."""

MANUAL_FOLDER = "manual"
"""Transforms of pairs set by hand, `slice_z{FF}_z{MM}.tfm`."""
_MANUAL_NAME = re.compile(r"slice_z(\d{1,8})_z(\d{1,8})\.tfm", re.ASCII)

# Folders of an output, in the order of the stages; a stage writes into none but its own.
DEFAULT_OUTPUT = "reconstruction"
INTERPOLATIONS, PAIRS, STACK = "interpolate_missing_slice", "register_pairwise", "stack"
STAGE_FOLDERS = (INTERPOLATIONS, PAIRS, STACK)
STATE_FOLDER = ".soct"
"""What a run keeps for the next one: lock, checksums of outputs, fingerprints."""
LOCK_PATH = f"{STATE_FOLDER}/lock"
WAITING_PATH = f"{STATE_FOLDER}/waiting"
ALIVE_FOLDER = f"{STATE_FOLDER}/runs"
"""A file per deployed run, locked as long as its process lives."""
SEAL_PATH = f"{STATE_FOLDER}/seal.json"
"""What a finished run depended on, so that the next one knows whether anything is new."""
CHECKSUMS_FOLDER = f"{STATE_FOLDER}/checksums"
FINGERPRINTS_FOLDER = f"{STATE_FOLDER}/fingerprints"

# Files of an output, relative to it.
FINAL_NAME, REPORT_NAME, RUN_RECORD_NAME = "slice_config_final.csv", "report.html", "run.json"
VOLUME_PATH = f"{STACK}/3d_volume.ome.zarr"
DECISIONS_PATH = f"{STACK}/stacking_decisions.csv"
UNCERTAINTY_PATH = f"{STACK}/uncertainty.ome.zarr"
"""Beside the volume, on its grid; where nothing was interpolated there is none."""
PUBLISHED_PATH = f"{STACK}/published.json"
PLAN_PATH = f"{STACK}/plan.json"
PARTS_FOLDER = f"{STATE_FOLDER}/parts"
"""Parts of a volume that is not joined yet, in a folder named after its plan."""
STACK_REPORTLET_PATH = f"{STACK}/reportlet.json"

# Files of a registered pair, in its folder.
TRANSFORM, TRANSFORM_ITK = "transform.json", "transform.tfm"
TRANSFORM_FOUND, TRANSFORM_FOUND_ITK = "transform_registered.json", "transform_registered.tfm"
"""What registration found, where the pair was set by hand."""
METRICS = "pairwise_registration_metrics.json"
PAIR_REPORTLET = "reportlet.json"
PAIR_QUALITY = "pair_quality.json"

# Files of an assessment, relative to its output.
DEFAULT_ASSESSMENT = "quality"
ASSESSED_SLICES, COMPARED_PAIRS = "slices", "pairs"
ASSESSED_CONFIG, QUALITY_PAGE = "slice_config.csv", "quality.html"
WRITTEN_CONFIGS_PATH = f"{STATE_FOLDER}/written_configs.json"
QUALITY_NAME = re.compile(r"slice_z\d+_quality\.json", re.ASCII)

PREVIEW_SUFFIX = "_interpolated_preview.png"
DIAGNOSTICS_PATH = re.compile(rf"{INTERPOLATIONS}/slice_z(\d+)_interpolated_diagnostics\.json", re.ASCII)
METRICS_PATH = re.compile(rf"{PAIRS}/slice_z\d+_z\d+/{re.escape(METRICS)}", re.ASCII)
_ASSESSMENT_KINDS = "figures", "quality", "reportlet"
_INTERPOLATED_NAME = re.compile(r"slice_z(\d{1,8})_interpolated\.ome\.zarr", re.ASCII)
_FRAGMENT_NAME = re.compile(r"slice_z(\d+)_manifest\.csv", re.ASCII)


def name_of(acquisition: Path) -> str:
    """What an acquisition is called where nobody has named it: the last two parts of its path.

    Examples
    --------
    >>> name_of(Path("/data/mouse-12/acq"))
    'mouse-12/acq'
    """
    return "/".join(part for part in acquisition.parts[-2:] if part != acquisition.anchor)


def slice_name(slice_id: int) -> str:
    """Directory name of a measured slice."""
    return f"slice_z{format_slice_id(slice_id)}.ome.zarr"


def named_slice_id(path: Path) -> int | None:
    """The id in the name of a measured slice; None for any other name."""
    match = SLICE_NAME.fullmatch(path.name)
    return None if match is None else int(match[1])


def named_interpolated_id(path: Path) -> int | None:
    """The id in the name of an interpolated slice; None for any other name."""
    match = _INTERPOLATED_NAME.fullmatch(path.name)
    return None if match is None else int(match[1])


def interpolated_name(slice_id: int) -> str:
    """Directory name of an interpolated slice."""
    return f"slice_z{format_slice_id(slice_id)}_interpolated.ome.zarr"


def uncertainty_name(slice_id: int) -> str:
    """Directory name of the uncertainty of an interpolated slice."""
    return f"slice_z{format_slice_id(slice_id)}_uncertainty.ome.zarr"


def fragment_name(slice_id: int) -> str:
    """File name of the manifest fragment of a slice."""
    return f"slice_z{format_slice_id(slice_id)}_manifest.csv"


def named_fragment_id(path: Path) -> int | None:
    """The id in the name of a manifest fragment; None for any other name."""
    match = _FRAGMENT_NAME.fullmatch(path.name)
    return None if match is None else int(match[1])


def pair_name(fixed_id: int, moving_id: int) -> str:
    """Directory name of a pair."""
    return f"slice_z{format_slice_id(fixed_id)}_z{format_slice_id(moving_id)}"


def part_path(plan: str, index: int) -> str:
    """Path of a part of the volume of a plan, by its fingerprint; relative to the output."""
    return f"{PARTS_FOLDER}/{plan}/{index:04d}.zarr"


def manual_path(fixed_id: int, moving_id: int) -> str:
    """Path of the transform of a pair set by hand, relative to the acquisition."""
    return f"{MANUAL_FOLDER}/{pair_name(fixed_id, moving_id)}.tfm"


def named_manual_pair(path: Path) -> tuple[int, int] | None:
    """The pair in the name of a transform set by hand; None for any other name."""
    match = _MANUAL_NAME.fullmatch(path.name)
    return None if match is None else (int(match[1]), int(match[2]))


def gap_reportlet_path(slice_id: int) -> str:
    """Path of the reportlet of an interpolation, relative to the output."""
    return f"{INTERPOLATIONS}/slice_z{format_slice_id(slice_id)}_interpolated_reportlet.json"


def preview_path(slice_id: int) -> str:
    """Path of the preview of an interpolation, relative to the output."""
    return f"{INTERPOLATIONS}/slice_z{format_slice_id(slice_id)}{PREVIEW_SUFFIX}"


@dataclass(frozen=True)
class AssessmentFiles:
    """Paths of what an assessment leaves of a slice."""

    figures: Path
    quality: Path
    reportlet: Path

    @classmethod
    def standard(cls, output: Path, slice_id: int) -> AssessmentFiles:
        """The places under an output directory."""
        stem = output / ASSESSED_SLICES / f"slice_z{format_slice_id(slice_id)}"
        return cls(*(stem.with_name(f"{stem.name}_{kind}.json") for kind in _ASSESSMENT_KINDS))


@dataclass(frozen=True)
class ComparisonFiles:
    """Paths of what an assessment leaves of a pair."""

    figures: Path
    reportlet: Path

    @classmethod
    def standard(cls, output: Path, upper_id: int, lower_id: int) -> ComparisonFiles:
        """The places under an output directory."""
        stem = output / COMPARED_PAIRS / pair_name(upper_id, lower_id)
        return cls(*(stem.with_name(f"{stem.name}_{kind}.json") for kind in ("figures", "reportlet")))


@dataclass(frozen=True)
class InterpolationFiles:
    """Paths for the outputs of one interpolation; None where an output is not wanted."""

    volume: Path
    diagnostics: Path | None = None
    fragment: Path | None = None
    preview: Path | None = None
    reportlet: Path | None = None
    uncertainty: Path | None = None

    @classmethod
    def standard(cls, output: Path, slice_id: int) -> InterpolationFiles:
        """The places that a run uses, under its output directory; a preview is another stage's."""
        folder = output / INTERPOLATIONS
        stem = f"slice_z{format_slice_id(slice_id)}_interpolated"
        return cls(
            volume=folder / interpolated_name(slice_id),
            diagnostics=folder / f"{stem}_diagnostics.json",
            fragment=folder / fragment_name(slice_id),
            reportlet=output / gap_reportlet_path(slice_id),
            uncertainty=folder / uncertainty_name(slice_id),
        )


def output_of(directory: Path) -> Path:
    """The output of a run, given that directory or the acquisition that holds it.

    Raises
    ------
    RecordError
        If there is no such directory.
    """
    if not directory.is_dir():
        raise RecordError(f"{directory}: no such directory, wanted the output of a run")
    inner = directory / DEFAULT_OUTPUT
    return inner if not (directory / RUN_RECORD_NAME).exists() and inner.is_dir() else directory
