"""Slice configs that assessments have written where a user asked for them, and only those are replaced."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from schemas.assessment import WrittenConfigs
from schemas.run_record import Fingerprint
from soct_core.errors import SliceConfigError
from soct_core.file_names import WRITTEN_CONFIGS_PATH
from soct_core.storage.atomic import publish_bytes
from soct_core.storage.fingerprint import fingerprint
from soct_core.storage.own_files import publish_own, read_own

_MOST_BYTES = 2**20
_MOST_CONFIGS = 100
"""The oldest are forgotten beyond. Chosen by hand."""


def refuse_foreign_config(
    output: Path, target: Path, config_in: Path | None, *, overwrite: bool = False
) -> None:
    """Refuse to write a slice config over anything but one that an assessment left there.

    Raises
    ------
    SliceConfigError
        If the target is the config that is read, no CSV, no file, or was made or changed by others.
    """
    if target.suffix != ".csv":
        raise SliceConfigError(f"{target}: wanted a file whose name ends in .csv")
    if config_in is not None and target.resolve() == config_in.resolve():
        raise SliceConfigError(f"{target}: would be written in place, wanted another file")
    if not target.exists() and not target.is_symlink():
        return
    if not target.is_file():
        raise SliceConfigError(f"{target}: is no file, wanted a place for one")
    ours = Fingerprint(path=str(target), fingerprint=fingerprint(target)) in _written(output).configs
    if not ours and not overwrite:
        raise SliceConfigError(
            f"{target}: is there and was not left by this command, wanted another name, or --overwrite"
        )


def publish_config(output: Path, source: Path, target: Path) -> None:
    """Copy the slice config of an assessment to where it was asked for, and remember that.

    Raises
    ------
    OutputError
        If the disk refuses.
    """
    # Noted first: whatever a killed run leaves at the target is known to the next one.
    noted = Fingerprint(path=str(target), fingerprint=fingerprint(source))
    others = [each for each in _written(output).configs if each != noted]
    found = WrittenConfigs(configs=(*others[1 - _MOST_CONFIGS :], noted))
    publish_own(output, WRITTEN_CONFIGS_PATH, found.model_dump_json(indent=1) + "\n")
    publish_bytes(target, source.read_bytes())


def _written(output: Path) -> WrittenConfigs:
    try:
        return WrittenConfigs.model_validate_json(read_own(output, WRITTEN_CONFIGS_PATH, _MOST_BYTES))
    except (OSError, ValidationError):
        return WrittenConfigs()
