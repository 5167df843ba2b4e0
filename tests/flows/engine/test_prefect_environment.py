"""What is local goes through no proxy, and a server that does not answer is told in one line."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.engine import prefect_environment as module
from flows.engine.prefect_environment import (
    keep_local_direct,
    refuse_odd_settings,
    refuse_unreachable_api,
)
from flows.terminal.exit_codes import exit_code
from soct_core.errors import ServerError

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


@contextmanager
def answering(*statuses: int) -> Iterator[str]:
    """A server that answers with these, the last for ever; gives its address."""
    left = list(statuses)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(left.pop(0) if len(left) > 1 else left[0])
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/api"
        server.shutdown()


@pytest.fixture(autouse=True)
def no_settings_of_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROXIES, "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("theirs", ["", "intranet,.lab.example", "localhost , intranet"])
@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
def test_what_is_local_goes_through_no_proxy(monkeypatch: pytest.MonkeyPatch, theirs: str, name: str) -> None:
    for proxy in PROXIES:
        monkeypatch.setenv(proxy, "http://127.0.0.1:9")
    monkeypatch.setenv(name, theirs)
    keep_local_direct()
    keep_local_direct()
    for kept in ("no_proxy", "NO_PROXY"):
        hosts = os.environ[kept].split(",")
        assert {h.strip() for h in theirs.split(",") if h} <= set(hosts)
        assert {"localhost", "127.0.0.1", "::1", socket.gethostname()} <= set(hosts)
        assert len(hosts) == len(set(hosts))
    with answering(200) as url:
        assert httpx.get(url).status_code == 200
        with pytest.raises(httpx.TransportError):
            httpx.get("http://192.0.2.1/", timeout=2)


def test_no_proxy_for_anything_stays_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("NO_PROXY", "*")
    keep_local_direct()
    assert os.environ["no_proxy"] == "*"


def test_children_inherit_it() -> None:
    code = "import flows, os; print(os.environ['no_proxy'], os.environ['NO_PROXY'])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.count("127.0.0.1") == 2


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:9/api", "refused"),
        ("http://user:secret@127.0.0.1:9/api", "http://127.0.0.1:9/api"),
        ("http://no-such-host.invalid/api", "http://no-such-host.invalid/api"),
        ("http://192.0.2.1:4200/api", "http://192.0.2.1:4200/api"),
        ("localhost:4200", "localhost:4200"),
    ],
)
def test_an_unreachable_server_is_one_line(monkeypatch: pytest.MonkeyPatch, url: str, said: str) -> None:
    monkeypatch.setattr(module, "REACH_SECONDS", 1.0)
    started = time.monotonic()
    with (
        temporary_settings({PREFECT_API_URL: url}),
        pytest.raises(ServerError, match="is it running") as error,
    ):
        refuse_unreachable_api()
    assert time.monotonic() - started < 3
    assert said in str(error.value)
    assert "secret" not in str(error.value)
    assert "\n" not in str(error.value)


def test_something_else_that_answers_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REACH_SECONDS", 1.0)
    for status in (404, 503):
        with (
            answering(status) as url,
            temporary_settings({PREFECT_API_URL: url}),
            pytest.raises(ServerError, match=f"answers {status}"),
        ):
            refuse_unreachable_api()


def test_a_server_that_is_about_to_answer_is_waited_for() -> None:
    with answering(503, 503, 200) as url, temporary_settings({PREFECT_API_URL: url}):
        refuse_unreachable_api()
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        refuse_unreachable_api()


def test_settings_that_prefect_cannot_read_are_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import prefect.settings

    def broken() -> None:
        print("plugins, at length", file=sys.stderr)
        raise ValueError("1 error\nport\n  wanted a number\n  see https://errors.pydantic.dev/2/v/int")

    monkeypatch.setattr(prefect.settings, "get_current_settings", broken)
    assert exit_code(refuse_odd_settings) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: Prefect cannot read its settings (1 error; port; wanted a number); ")
    assert error.count("\n") == 1
