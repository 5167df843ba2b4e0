"""What a viewer in a browser can reach: the files of one directory, and no others."""

from __future__ import annotations

import os
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from flows.view.file_server import served

PAGE = "http://127.0.0.1:9"
CHUNK = bytes(range(200))


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    above = tmp_path_factory.mktemp("acq")
    (above / "secret.txt").write_bytes(b"mine")
    (above / "secrets").mkdir()
    (above / "secrets" / "0").write_bytes(b"mine")
    output = above / "reconstruction"
    (output / "v" / "c").mkdir(parents=True)
    (output / "v" / "c" / "0").write_bytes(CHUNK)
    os.mkfifo(output / "pipe")
    (output / "out.txt").symlink_to(above / "secret.txt")
    (output / "out").symlink_to(above / "secrets")
    (output / "in").symlink_to(output / "v")
    # The output itself may be a link.
    (above / "link").symlink_to(output)
    with served(above / "link", PAGE, {"names/info": b"{}"}) as url:
        yield url


def get(address: str, path: str, *, method: str = "GET", **headers: str) -> tuple[HTTPResponse, bytes]:
    parts = urlsplit(address)
    connection = HTTPConnection(parts.hostname or "", parts.port or 0, timeout=10)
    connection.request(method, f"{parts.path}/{path}", headers=headers)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response, body


def test_a_chunk_is_served_to_the_page_of_the_viewer(address: str) -> None:
    response, body = get(address, "v/c/0", Origin=PAGE)
    assert (response.status, body) == (200, CHUNK)
    assert response.headers["Access-Control-Allow-Origin"] == PAGE
    assert get(address, "in/c/0")[1] == CHUNK, "a link that stays within"
    assert get(address, "names/info")[1] == b"{}"


def test_a_chunk_that_is_absent_is_not_found_and_the_page_may_know_it(address: str) -> None:
    for path in ("v/c/1", "v/c", "v/c/", "", "nothing/at/all", "pipe"):
        response, body = get(address, path, Origin=PAGE)
        assert (response.status, body) == (404, b""), path
        assert response.headers["Access-Control-Allow-Origin"] == PAGE


@pytest.mark.parametrize(
    "path",
    [
        "../secret.txt",
        "%2e%2e/secret.txt",
        "v/../../secret.txt",
        "out.txt",
        "out/0",
        "//etc/hostname",
        "a%00b",
    ],
)
def test_nothing_outside_is_reached(address: str, path: str) -> None:
    response, body = get(address, path)
    assert (response.status, body) == (404, b"")


def test_other_websites_and_other_users_get_nothing(address: str) -> None:
    response, body = get(address, "v/c/0", Origin="https://example.org")
    assert (response.status, body) == (403, b"")
    assert response.headers["Access-Control-Allow-Origin"] == PAGE
    guessed = address.rsplit("/", 1)[0]
    assert get(guessed, "v/c/0")[0].status == 404
    assert get(f"{guessed}/wrong", "v/c/0")[0].status == 404


def test_a_chunk_out_of_a_shard(address: str) -> None:
    response, body = get(address, "v/c/0", Range="bytes=10-19")
    assert (response.status, body) == (206, CHUNK[10:20])
    assert response.headers["Content-Range"] == "bytes 10-19/200"
    assert get(address, "v/c/0", Range="bytes=190-900")[1] == CHUNK[190:]
    assert get(address, "v/c/0", Range="bytes=190-")[1] == CHUNK[190:]
    assert get(address, "v/c/0", Range="bytes=200-201")[0].status == 416
    response, body = get(address, "v/c/0", method="HEAD")
    assert (response.status, body, response.headers["Content-Length"]) == (200, b"", "200")


def test_it_only_reads(address: str) -> None:
    for method in ("PUT", "POST", "DELETE"):
        assert get(address, "v/c/0", method=method)[0].status == 501
    assert get(address, "v/c/0")[1] == CHUNK


def test_a_browser_may_ask_before_it_asks_for_a_range(address: str) -> None:
    response, _ = get(address, "v/c/0", method="OPTIONS", Origin=PAGE)
    assert response.status == 204
    assert response.headers["Access-Control-Allow-Headers"] == "Range"
    assert get(address, "v/c/0", method="OPTIONS", Origin="http://elsewhere.org")[0].status == 403


def test_a_file_that_is_replaced_while_it_is_sent_is_sent_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "0").write_bytes(CHUNK)
    opened = Path.open

    def replaced(self: Path, *args: Any, **more: Any) -> Any:
        file = opened(self, *args, **more)
        if self == tmp_path / "0":
            (tmp_path / "new").write_bytes(5 * CHUNK)
            (tmp_path / "new").rename(self)
        return file

    with served(tmp_path, PAGE, {}) as url:
        monkeypatch.setattr(Path, "open", replaced)
        assert get(url, "0", Origin=PAGE)[1] == CHUNK
        monkeypatch.undo()
        assert get(url, "0", Origin=PAGE)[1] == 5 * CHUNK
