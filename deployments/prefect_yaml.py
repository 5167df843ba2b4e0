"""What all deployments have in common: `definitions.common` of `prefect.yaml`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from schemas.contract import Contract
from soct_core.errors import DeploymentError
from soct_core.run.settings_file import checked

PREFECT_YAML = "prefect.yaml"


class WorkPool(Contract):
    """Where runs are sent."""

    name: str


class JobVariables(Contract):
    """What the process of a run is started with."""

    env: dict[str, str]


class Common(Contract):
    """The part of a deployment that does not depend on the acquisition."""

    entrypoint: str
    work_pool: WorkPool
    job_variables: JobVariables


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
