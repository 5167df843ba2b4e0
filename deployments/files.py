"""The files of `deployments/`: one acquisition each, all of them valid before any is used."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from prefect._vendor.croniter import CroniterBadDateError, croniter  # type: ignore[attr-defined]
from prefect.client.schemas.schedules import CronSchedule
from pydantic import ValidationError

from schemas.contract import Contract
from schemas.deployment import AcquisitionDeployment, CronTimes
from soct_core.errors import BadInputError, DeploymentError
from soct_core.file_names import DEFAULT_ASSESSMENT, DEFAULT_OUTPUT
from soct_core.run.settings_file import load_settings

FOLDER = Path("deployments")


def read_all(folder: Path, root: Path) -> list[AcquisitionDeployment]:
    """Every `*.toml` of a folder, paths absolute, sorted by name.

    Parameters
    ----------
    root
        What relative paths start from: the checkout.

    Raises
    ------
    DeploymentError
        Naming file, key, the value seen and the value wanted; every broken file in a line of its own.
    """
    if not folder.is_dir():
        raise DeploymentError(f"{folder}: no such directory, wanted one with a .toml file per acquisition")
    found: dict[Path, AcquisitionDeployment] = {}
    faults = []
    for file in sorted(folder.glob("*.toml")):
        try:
            found[file] = read_one(file, root)
        except DeploymentError as error:
            faults.append(str(error))
    faults += _shared(found, "name", lambda one: one.name)
    # Two deployments with one output would write over each other, side by side.
    faults += _shared(found, "output", lambda one: str(output_of(one)))
    assessed = {file: one for file, one in found.items() if one.assess is not None}
    faults += _shared(assessed, "assess.output", lambda one: str(assessment_of(one)))
    if faults:
        raise DeploymentError("\n".join(faults))
    return sorted(found.values(), key=lambda one: one.name)


def read_one(file: Path, root: Path) -> AcquisitionDeployment:
    """One file; see `read_all`."""
    try:
        given = load_settings(AcquisitionDeployment, file, defaults={"name": file.stem})
    except BadInputError as error:
        raise DeploymentError(f"{file}: {str(error).removeprefix(f'{file}: ')}") from error
    _refuse_schedule(given.schedule, f"{file}: setting 'schedule")
    paths: dict[str, object] = _absolute(given, root, "acquisition", "output", "shifts")
    if given.assess is not None:
        _refuse_schedule(given.assess.schedule, f"{file}: setting 'assess.schedule")
        placed = _absolute(given.assess, root, "slice_config_out", "output")
        paths["assess"] = given.assess.model_copy(update=placed)
    return given.model_copy(update=paths)


def _absolute(given: Contract, root: Path, *names: str) -> dict[str, object]:
    found = {name: getattr(given, name) for name in names}
    return {name: (root / path.expanduser()).resolve() for name, path in found.items() if path is not None}


def _refuse_schedule(given: CronTimes | None, place: str) -> None:
    if given is None:
        return
    try:
        CronSchedule(**given.model_dump())
        _refuse_what_never_comes(given.cron, place)
    except ValidationError as error:
        fault = error.errors()[0]
        key, wanted = fault["loc"][-1], {"cron": "five cron fields, as '0 * * * *'"}
        raise DeploymentError(
            f"{place}.{key}': got {fault['input']!r}, "
            f"wanted {wanted.get(str(key), 'an IANA time zone, as Europe/Zurich')}"
        ) from error


def _refuse_what_never_comes(cron: str, place: str) -> None:
    """Prefect takes a sixth field for seconds, and a date that never comes, without a word."""
    fields = cron.split()
    if len(fields) != 5 and not cron.startswith("@"):
        raise DeploymentError(
            f"{place}.cron': got {cron!r} with {len(fields)} fields, wanted five cron fields, as '0 * * * *'"
        )
    try:
        next(croniter(cron, datetime.now(UTC)))  # type: ignore[no-untyped-call]
    except CroniterBadDateError as error:
        raise DeploymentError(
            f"{place}.cron': got {cron!r}, which never comes, wanted five cron fields, as '0 * * * *'"
        ) from error


def output_of(one: AcquisitionDeployment) -> Path:
    """Directory where the results of an acquisition go."""
    return one.output or one.acquisition / DEFAULT_OUTPUT


def assessment_of(one: AcquisitionDeployment) -> Path:
    """Directory where the assessment of an acquisition goes."""
    output = one.assess.output if one.assess is not None else None
    return output or one.acquisition / DEFAULT_ASSESSMENT


def _shared(
    found: dict[Path, AcquisitionDeployment], key: str, of: Callable[[AcquisitionDeployment], str]
) -> Sequence[str]:
    files: defaultdict[str, list[Path]] = defaultdict(list)
    for file, one in found.items():
        files[of(one)].append(file)
    return [
        f"{', '.join(map(str, same))}: {key} {value!r} is there {len(same)} times, wanted once"
        for value, same in files.items()
        if len(same) > 1
    ]
