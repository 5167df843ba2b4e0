"""A Prefect server that stays, as users run it, with all its services; and a worker."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import httpx

CHECKOUT = Path(__file__).parents[2]
Found = TypeVar("Found")


@dataclass(frozen=True)
class Service:
    """A running server and the environment in which programs find it."""

    url: str
    home: Path
    environment: dict[str, str]

    @property
    def api_url(self) -> str:
        return f"{self.url}/api"

    @property
    def python(self) -> str:
        """The interpreter that has everything installed."""
        return sys.executable

    def prefect(self, *arguments: str) -> list[str]:
        """A command of the `prefect` program."""
        return [sys.executable, "-m", "prefect", *arguments]

    def run(self, *arguments: str) -> str:
        """Run a command in the checkout to its end; gives what it printed."""
        done = subprocess.run(
            arguments,
            cwd=CHECKOUT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout


@contextmanager
def prefect_service(home: Path) -> Iterator[Service]:
    """Start a server on a free port, with a database of its own in `home`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")} | {
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": f"{url}/api",
        # The pages would look for the API on the default port.
        "PREFECT_SERVER_UI_API_URL": f"{url}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PYTHONPATH": str(CHECKOUT),
    }
    service = Service(url, home, environment)
    with _running(service, home / "server.log", "server", "start", "--port", str(port)):
        wait_for(lambda: _healthy(service), "the server to answer", 600)
        yield service


@contextmanager
def prefect_worker(service: Service, pool: str, log: Path) -> Iterator[None]:
    """Start a worker of a pool."""
    with _running(service, log, "worker", "start", "--pool", pool):
        yield


def wait_for(condition: Callable[[], Found], what: str, seconds: float = 180) -> Found:
    """The first value of a condition that is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.2)
    raise AssertionError(f"waited {seconds:g} s for {what}")


@contextmanager
def _running(service: Service, log: Path, *arguments: str) -> Iterator[None]:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as out:
        process = subprocess.Popen(
            service.prefect(*arguments), cwd=CHECKOUT, env=service.environment, stdout=out, stderr=out
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=60)


def _healthy(service: Service) -> bool:
    try:
        return httpx.get(f"{service.api_url}/health").is_success
    except httpx.TransportError:
        return False
