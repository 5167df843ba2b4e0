"""The files of `deployments/`: one acquisition each, all of them valid before any is used."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from prefect._vendor.croniter import CroniterBadDateError, croniter  # type: ignore[attr-defined]
from prefect.client.schemas.schedules import CronSchedule
from pydantic import ValidationError

from schemas.deployment import AcquisitionDeployment
from soct_core.errors import BadInputError, DeploymentError
from soct_core.file_names import DEFAULT_OUTPUT
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
    if faults:
        raise DeploymentError("\n".join(faults))
    return sorted(found.values(), key=lambda one: one.name)


def read_one(file: Path, root: Path) -> AcquisitionDeployment:
    """One file; see `read_all`."""
    try:
        given = load_settings(AcquisitionDeployment, file, defaults={"name": file.stem})
    except BadInputError as error:
        raise DeploymentError(f"{file}: {str(error).removeprefix(f'{file}: ')}") from error
    if given.schedule is not None:
        try:
            CronSchedule(**given.schedule.model_dump())
            _refuse_what_never_comes(given.schedule.cron, file)
        except ValidationError as error:
            fault = error.errors()[0]
            key, wanted = fault["loc"][-1], {"cron": "five cron fields, as '0 * * * *'"}
            raise DeploymentError(
                f"{file}: setting 'schedule.{key}': got {fault['input']!r}, "
                f"wanted {wanted.get(str(key), 'an IANA time zone, as Europe/Zurich')}"
            ) from error
    paths = {
        name: (root / path.expanduser()).resolve()
        for name in ("acquisition", "output", "shifts")
        if (path := getattr(given, name)) is not None
    }
    return given.model_copy(update=paths)


def _refuse_what_never_comes(cron: str, file: Path) -> None:
    """Prefect takes a sixth field for seconds, and a date that never comes, without a word."""
    fields = cron.split()
    if len(fields) != 5 and not cron.startswith("@"):
        raise DeploymentError(
            f"{file}: setting 'schedule.cron': got {cron!r} with {len(fields)} fields, "
            "wanted five cron fields, as '0 * * * *'"
        )
    try:
        next(croniter(cron, datetime.now(UTC)))  # type: ignore[no-untyped-call]
    except CroniterBadDateError as error:
        raise DeploymentError(
            f"{file}: setting 'schedule.cron': got {cron!r}, which never comes, "
            "wanted five cron fields, as '0 * * * *'"
        ) from error


def output_of(one: AcquisitionDeployment) -> Path:
    """Directory where the results of an acquisition go."""
    return one.output or one.acquisition / DEFAULT_OUTPUT


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
