"""Prefect's environment: no telemetry, patience at start-up, and an embedded server by default."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from flows.engine.child_processes import kill_after_us

_DEFAULTS = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    # Workers are processes: threads inside each of them would only compete.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1",
}


def keep_quiet() -> None:
    """Set what the user has not set: nothing is sent anywhere, and slow starts are no errors."""
    for name, value in _DEFAULTS.items():
        os.environ.setdefault(name, value)


@contextmanager
def _deaf_children() -> Iterator[None]:
    """Child processes started within ignore Ctrl-C: this process handles it, and stops them itself."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def api() -> Iterator[str]:
    """The Prefect API to talk to: the configured one, or one embedded server for all processes."""
    from prefect.server.api.server import SubprocessASGIServer
    from prefect.settings import PREFECT_API_URL, temporary_settings

    configured = PREFECT_API_URL.value()
    if configured:
        yield configured
        return
    server = SubprocessASGIServer()
    with _deaf_children():
        server.start()
    if server.server_process is not None:
        kill_after_us(server.server_process.pid)
    # It stops at exit; stopping it here would cut off the last records that Prefect sends.
    with temporary_settings({PREFECT_API_URL: server.api_url}):
        yield server.api_url
