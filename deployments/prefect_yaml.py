"""What all deployments have in common: `definitions.common` of `prefect.yaml`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field

from schemas.contract import Contract
from soct_core.errors import DeploymentError
from soct_core.run.settings_file import checked

PREFECT_YAML = "prefect.yaml"


class WorkPool(Contract):
    """Where runs are sent."""

    name: str


class ConcurrencyLimit(Contract):
    """How many runs of one deployment may go on at a time, and what becomes of the others."""

    limit: int = Field(ge=1)
    collision_strategy: Literal["ENQUEUE", "CANCEL_NEW"]


class Common(Contract):
    """The part of a deployment that does not depend on the acquisition."""

    entrypoint: str
    work_pool: WorkPool
    concurrency_limit: ConcurrencyLimit


def read_common(root: Path) -> Common:
    """Read `prefect.yaml` of a checkout.

    Raises
    ------
    DeploymentError
        If it is not there or does not say what is needed.
    """
    file = root / PREFECT_YAML
    try:
        tree: Any = yaml.safe_load(file.read_text(encoding="utf-8"))
        return checked(Common, tree["definitions"]["common"])
    except OSError as error:
        raise DeploymentError(f"{file}: {error.strerror}; run this from the checkout") from error
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise DeploymentError(f"{file}: definitions.common: {error}") from error
