"""A Dask cluster by address: whether its workers can do the work, asked before any of it starts."""

from __future__ import annotations

import logging
import os
import sys
import urllib.request
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import NamedTemporaryFile

from flows.engine.prefect_environment import keep_local_direct
from soct_core.errors import ClusterError

# Another version of these may make other voxels, or not be able to read what it is sent.
_SAME = ("prefect", "distributed", "numpy", "scipy", "zarr", "itk-elastix", "opencv-python-headless")
_CONNECT_SECONDS = 30


def keep_dask_quiet() -> None:
    """Errors only, in workers of a local cluster too: what matters is said in one line at the end."""
    import dask

    # Children read the environment, this process has read it already.
    os.environ.setdefault("DASK_LOGGING__DISTRIBUTED", "error")
    dask.config.set({"logging.distributed": "error"})
    logging.getLogger("distributed").setLevel(logging.ERROR)


def environment() -> dict[str, str]:
    """Versions that have to be equal everywhere."""
    found = {"python": "{}.{}.{}".format(*sys.version_info[:3])}
    for name in _SAME:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "missing"
    return found


def inspect(paths: tuple[str, ...], health: str) -> tuple[dict[str, str], list[str]]:
    """Run on a worker: its environment, and why it cannot work on these paths with this API."""
    faults = [
        f"does not see {path}, wanted a file system that all hosts share"
        for path in paths
        if not Path(path).exists()
    ]
    keep_local_direct()
    try:
        urllib.request.urlopen(health, timeout=10).close()
    except OSError as error:
        faults.append(
            f"cannot reach the Prefect API at {health} ({error}), wanted a PREFECT_API_URL "
            "that all hosts reach"
        )
    try:
        import flows.engine.tasks  # noqa: F401
    except ImportError as error:
        faults.append(f"cannot import this program ({error}), wanted the environment of the client")
    return environment(), faults


def refuse_unfit_cluster(address: str, acquisition: Path, output: Path, api_url: str) -> None:
    """Ask every worker of a cluster whether it sees the files and the API, and has our versions.

    Raises
    ------
    ClusterError
        If the scheduler does not answer, has no worker, or a worker cannot do the work.
    """
    import distributed

    keep_dask_quiet()
    output.mkdir(parents=True, exist_ok=True)
    try:
        client = distributed.Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ClusterError(f"{address}: no Dask scheduler answers ({error})") from error
    # A file of our own: a directory of the same name may be another one over there.
    with client, NamedTemporaryFile(dir=output, prefix=".partial-seen-") as probe:
        threads = client.nthreads()
        if not threads:
            raise ClusterError(f"{address}: the scheduler has no workers, wanted 1 at least")
        paths = (str(acquisition.absolute()), str(Path(probe.name).absolute()))
        found = client.run(inspect, paths, f"{api_url}/health", on_error="return")
    _refuse(found, environment())


def _refuse(found: Mapping[str, object], ours: dict[str, str]) -> None:
    for worker, answer in found.items():
        if not isinstance(answer, tuple):
            raise ClusterError(
                f"worker {worker}: cannot run this program ({answer}), wanted the environment of the client"
            )
        theirs, faults = answer
        for name, wanted in ours.items():
            if theirs.get(name) != wanted:
                raise ClusterError(f"worker {worker}: has {name} {theirs.get(name)}, wanted {wanted}")
        if faults:
            raise ClusterError(f"worker {worker}: {faults[0]}")
