"""What an acquisition is called: in names of runs, on pages, in the keys of what Prefect shows of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from flows.engine.deployed_runs import deployment_name
from soct_core.errors import BadInputError
from soct_core.file_names import name_of
from soct_core.report.cards import key

_LONGEST = 80


@dataclass(frozen=True)
class Identity:
    """The name of an acquisition, and the beginning of the keys of its artifacts."""

    name: str
    slug: str
    deployment: str = ""
    """Name of the deployment that this run is one of."""

    @classmethod
    def of(cls, directory: Path, given: str | None) -> Identity:
        """The name that was given; by default that of the deployment; or else the last of its path.

        Raises
        ------
        BadInputError
            If the name that was given is none.
        """
        if given is not None and not (given.isprintable() and 0 < len(given.strip()) <= _LONGEST):
            raise BadInputError(f"name: got {given!r}, wanted 1 to {_LONGEST} printable characters")
        deployment = deployment_name()
        if name := given or deployment:
            return cls(name, key(name), deployment)
        # Directories of one name may lie in many places.
        told = hashlib.blake2b(bytes(directory), digest_size=3).hexdigest()
        return cls(name_of(directory), key(name_of(directory), told))


def run_name(typed: str, directory: Path, given: str | None) -> str:
    """The name of a flow run: what a user has typed stays, what Prefect has made up does not."""
    if typed and not _made_up(typed):
        return typed
    return Identity.of(directory.expanduser().absolute(), given).name


def _made_up(name: str) -> bool:
    return set(name.split("-")) <= _words()


@cache
def _words() -> frozenset[str]:
    """All words of the names that Prefect makes up."""
    lists = files("coolname").joinpath("data").iterdir()
    return frozenset(
        word for text in lists if text.name.endswith(".txt") for word in text.read_text("utf-8").split()
    )
