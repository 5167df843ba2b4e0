"""The Prefect API of a run: the configured server, or an embedded one; and what if it goes away.

A configured server may be away for minutes: work goes on without it, and what is to be told waits.
An embedded one that dies takes the run with it: it held the run's records, and nobody starts it anew.
"""

from __future__ import annotations

import atexit
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

from flows.engine.child_processes import kill_after_us
from flows.engine.prefect_environment import without_password
from flows.terminal.exit_codes import FAILED, RESUME
from flows.terminal.signals import is_stopping, print_error, signals_held, why_stopping
from soct_core.errors import ServerError

if TYPE_CHECKING:
    from prefect.server.api.server import SubprocessASGIServer

DIED = f"the embedded Prefect server died, killed or out of memory; {RESUME}"
_PORT_TAKEN = 3
"""What uvicorn ends with."""
_SERVER_ENVIRONMENT = {
    "PREFECT_UI_ENABLED": "0",
    "PREFECT__SERVER_EPHEMERAL": "1",
    "PREFECT__SERVER_FINAL": "1",
    # Modules in the working directory are none of Prefect's.
    "PYTHONSAFEPATH": "1",
}
_LAST_WORDS_SECONDS = 20.0
"""How long a run may take to write its record and end once its server died. Chosen by hand."""
_LAST_QUESTION_SECONDS = 1.0
"""How long it may take from there on: Prefect would ask the dead one for its last state for a minute."""
_TOLD_TOO_SECONDS = 3.0
"""How much later than its server a process may hear of a signal that went to both. Chosen by hand."""
_EMBEDDED_RETRIES = 5
"""As Prefect has it: one minute. A server of our own that is slow is under load, and not about to restart."""
_all_said = threading.Event()


@contextmanager
def api(*, own_process: bool = False) -> Iterator[str]:
    """The Prefect API to talk to: the configured one, or one embedded server for all processes.

    Parameters
    ----------
    own_process
        This process does nothing but the run: it may be ended where the run does not end by itself.

    Raises
    ------
    ServerError
        If the server went away for good.
    """
    from httpx import TransportError
    from prefect.settings import (
        PREFECT_API_URL,
        PREFECT_CLIENT_MAX_RETRIES,
        PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED,
        temporary_settings,
    )

    # A worker that met no server when it started would leave, and the pool would wait for it for ever.
    patient = {PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED: False}
    configured = PREFECT_API_URL.value()
    if configured:
        try:
            with temporary_settings(patient):
                yield configured
        except TransportError as error:
            raise ServerError(
                f"Prefect server at {without_password(configured)}: went away ({error}); {RESUME}"
            ) from error
        return
    server = _server()
    server.start()
    process = server.server_process
    if process is None:
        raise ServerError(DIED)
    # It stops at exit; stopping it here would cut off the last records that Prefect sends.
    impatient = {PREFECT_CLIENT_MAX_RETRIES: _EMBEDDED_RETRIES, PREFECT_API_URL: server.api_url}
    with temporary_settings(patient | impatient), _ending_with(process, own_process):
        yield server.api_url


@contextmanager
def last_words() -> Iterator[None]:
    """What a run itself has to write and tell; at the end nothing is left but what Prefect does."""
    _all_said.clear()
    try:
        yield
    finally:
        _all_said.set()


def _server() -> SubprocessASGIServer:
    import prefect
    from httpx import TransportError, get
    from prefect.server.api.server import SubprocessASGIServer
    from prefect.settings import PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS, get_current_settings

    class Server(SubprocessASGIServer):
        """One that goes with this process from its first moment on, however this process goes."""

        def _run_uvicorn_command(self) -> subprocess.Popen[Any]:
            """As Prefect's, but what it says stays here: at its end its services complain at length."""
            self._said = TemporaryFile()  # noqa: SIM115  (until this process ends)
            folder = str(prefect.__module_path__.parent)
            command = ["uvicorn", "--app-dir", folder, "--factory", "prefect.server.api.server:create_app"]
            place = ["--host", "127.0.0.1", "--port", str(self.port), "--log-level", "error"]
            # A signal between the two would leave a server behind that nobody watches.
            with signals_held(), _deaf_children():
                started = subprocess.Popen(
                    [sys.executable, "-m", *command, *place, "--lifespan", "on"],
                    env=os.environ
                    | _SERVER_ENVIRONMENT
                    | get_current_settings().to_environment_variables(exclude_unset=True),
                    stdin=subprocess.DEVNULL,
                    stdout=self._said,
                    stderr=subprocess.STDOUT,
                )
                kill_after_us(started.pid)
            return started

        def start(self, timeout: int | None = None) -> None:
            """As Prefect's, which gives up where one answer takes longer than five seconds."""
            if self.running:
                return
            seconds = timeout or PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS.value()
            last = time.monotonic() + seconds
            self.running, self.server_process = True, None
            atexit.register(self.stop)
            while time.monotonic() < last:
                code = _PORT_TAKEN if self.server_process is None else self.server_process.poll()
                if code == _PORT_TAKEN:
                    self.port = self.find_available_port()
                    self.server_process = self._run_uvicorn_command()
                elif code is not None:
                    self._said.seek(0)
                    words = self._said.read().decode(errors="replace").strip().rpartition("\n")[2]
                    raise ServerError(
                        f"the embedded Prefect server ended while it started, with code {code}: {words}"
                    )
                with suppress(TransportError):
                    if get(f"{self.api_url}/health", timeout=seconds).is_success:
                        return
                time.sleep(0.1)
            raise ServerError(
                f"the embedded Prefect server did not start within {seconds} s: the host is busy; {RESUME}; "
                f"to wait longer: export PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS={2 * seconds}"
            )

    return Server()


@contextmanager
def _ending_with(server: subprocess.Popen[Any], own_process: bool) -> Iterator[None]:
    """Interrupt the main thread when the server dies within, and say why it was interrupted."""
    done, died = threading.Event(), threading.Event()
    main = threading.current_thread() is threading.main_thread()

    def watch() -> None:
        while not done.wait(0.5):
            if server.poll() is None:
                continue
            if own_process:
                # Nobody is left to hear what Prefect tries to send, thousands of characters each.
                logging.disable(logging.CRITICAL)
            # Where this process is told to stop, its server may be told too, and hear it first.
            if not is_stopping() and not done.wait(_TOLD_TOO_SECONDS) and not is_stopping():
                died.set()
                if main:
                    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
                if own_process and not _ends_by_itself(done):
                    print_error(f"error: {DIED}")
                    os._exit(FAILED)
            elif own_process and not _ends_by_itself(done):
                print_error(f"error: {why_stopping()}; {RESUME}")
                os._exit(FAILED)
            return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    except BaseException as error:
        # Whatever failed without its server, failed for want of it.
        if died.is_set() or (isinstance(error, Exception) and server.poll() is not None):
            raise ServerError(DIED) from error
        raise
    finally:
        done.set()
        watcher.join()


def _ends_by_itself(done: threading.Event) -> bool:
    """Whether a run without a server is done in time."""
    last = time.monotonic() + _LAST_WORDS_SECONDS
    while time.monotonic() < last and not _all_said.is_set():
        if done.wait(0.1):
            return True
    return done.wait(_LAST_QUESTION_SECONDS)


@contextmanager
def _deaf_children() -> Iterator[None]:
    """Child processes started within ignore Ctrl-C: this process handles it, and stops them itself."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
