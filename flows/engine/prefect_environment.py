"""Prefect's environment: no telemetry, patience at start-up, no proxy for what is local."""

from __future__ import annotations

import os
import socket
import threading
import time
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path

from soct_core.errors import ServerError, SettingsError
from soct_core.one_thread import ENVIRONMENT

DEFAULTS = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    # With pauses that double, eight and a half minutes; five retries are one, and servers restart.
    "PREFECT_CLIENT_MAX_RETRIES": "8",
    **ENVIRONMENT,
}

_LOCAL = ("localhost", "127.0.0.1", "::1", "0.0.0.0")
REACH_SECONDS = 8.0
"""How long a server may take to answer before a command gives it up. Chosen by hand."""


def keep_quiet() -> None:
    """Set what the user has not set: nothing is sent anywhere, and slow starts are no errors."""
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    keep_local_direct()


def keep_local_direct() -> None:
    """Have this process and its children reach what is local without a proxy, whatever proxies are set."""
    for name in ("no_proxy", "NO_PROXY"):
        told = os.environ.get(name) or os.environ.get(name.swapcase(), "")
        hosts = [host.strip() for host in told.split(",") if host.strip()]
        if "*" not in hosts:
            missing = [host for host in (*_LOCAL, socket.gethostname()) if host not in hosts]
            os.environ[name] = ",".join([*hosts, *missing])


def refuse_odd_settings() -> None:
    """Say in one line if Prefect cannot read its own settings; call it before all else that imports Prefect.

    Raises
    ------
    SettingsError
        If a `prefect.toml`, a `pyproject.toml` or an `.env` of the working directory, a profile or the
        environment says something that Prefect does not understand.
    """
    try:
        # Prefect says on its own, at length, that its plugins cannot be had.
        with redirect_stderr(StringIO()):
            from prefect.settings import get_current_settings

            get_current_settings()
    except (ValueError, OSError) as error:  # invalid TOML, a value out of range, a file that is a directory
        said = "; ".join(
            line.strip() for line in str(error).splitlines() if "errors.pydantic.dev" not in line
        )
        raise SettingsError(
            f"Prefect cannot read its settings ({said}); look at prefect.toml, pyproject.toml and .env in "
            f"{Path.cwd()}, at its profiles, and at PREFECT_... in the environment"
        ) from error


def refuse_unreachable_api() -> None:
    """Ask the configured Prefect server, if there is one, whether it is there.

    Prefect itself asks again and again, for minutes.

    Raises
    ------
    ServerError
        If it does not answer in time, or something else does.
    """
    from prefect.settings import PREFECT_API_URL, PREFECT_CLOUD_API_URL

    url = PREFECT_API_URL.value()
    if not url or url.startswith(PREFECT_CLOUD_API_URL.value()):
        return
    why = ["no answer"]
    # A thread: the look-up of a name cannot be told when to give up.
    asking = threading.Thread(target=_ask, args=(f"{url.rstrip('/')}/health", why), daemon=True)
    asking.start()
    asking.join(REACH_SECONDS)
    if why:
        raise ServerError(
            f"Prefect server at {without_password(url)}: is not there after {REACH_SECONDS:g} s "
            f"({why[-1]}); is it running? Unset PREFECT_API_URL, or use another profile, to work without it"
        )


def _ask(url: str, why: list[str]) -> None:
    import httpx

    last = time.monotonic() + REACH_SECONDS
    while time.monotonic() < last:
        try:
            status = httpx.get(url, timeout=REACH_SECONDS / 2).status_code
        except (httpx.TransportError, httpx.InvalidURL) as error:
            why.append(" ".join(str(error).split()) or type(error).__name__)
            if isinstance(error, (httpx.UnsupportedProtocol, httpx.InvalidURL)):
                return
        else:
            if status == httpx.codes.OK:
                why.clear()
                return
            why.append(f"answers {status}")
            if status < httpx.codes.INTERNAL_SERVER_ERROR:
                return
        # A server that starts anew refuses connections for some seconds.
        time.sleep(0.5)


def without_password(url: str) -> str:
    """The address of a server, fit to be shown."""
    scheme, separator, rest = url.rpartition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"
