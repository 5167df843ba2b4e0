"""A directory over HTTP, for a viewer in a browser of this machine and for nothing else."""

from __future__ import annotations

import os
import re
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote, urlsplit

_PIECE = 2**20
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


@contextmanager
def served(directory: Path, origin: str, documents: Mapping[str, bytes] | None = None) -> Iterator[str]:
    """Serve the files of a directory, to read, at 127.0.0.1; yields their address, no slash at its end.

    The address holds a secret, so that other users of the machine do not get at them; nothing outside the
    directory is reached, by `..` or by links. What is absent is 404, as zarr wants it of empty chunks.

    Parameters
    ----------
    directory
        Its files; no listings.
    origin
        The one website, `http://host:port`, whose scripts may read them.
    documents
        More files that are on no disk, by their paths.
    """
    root, secret = directory.resolve(), secrets.token_urlsafe(16)

    class Handler(_Handler):
        files = _Files(root, f"/{secret}/", documents or {})
        allowed = origin

    server = _Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), name="file server", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/{secret}"
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away in the midst of an answer is no error, and no traceback."""


class _Files:
    """What may be read, by path of a URL."""

    def __init__(self, root: Path, prefix: str, documents: Mapping[str, bytes]) -> None:
        self._root, self._prefix, self._documents = root, prefix, documents

    def find(self, url: str) -> bytes | Path | None:
        """A document, or a file within the root; None where there is none."""
        path = unquote(urlsplit(url).path)
        if not path.startswith(self._prefix):
            return None
        name = path.removeprefix(self._prefix)
        if name in self._documents:
            return self._documents[name]
        # ValueError: a zero byte.
        with suppress(OSError, ValueError):
            found = (self._root / name.lstrip("/")).resolve(strict=True)
            if found.is_relative_to(self._root) and found.is_file():
                return found
        return None


class _Handler(BaseHTTPRequestHandler):
    files: _Files
    allowed: str
    protocol_version = "HTTP/1.1"
    # Or each small answer waits for the acknowledgement of its header.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_OPTIONS(self) -> None:
        """Some browsers ask before they ask for a range."""
        allowed = self.headers.get("Origin", self.allowed) == self.allowed
        self._head(HTTPStatus.NO_CONTENT if allowed else HTTPStatus.FORBIDDEN, 0)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the terminal belongs to the command."""

    def _answer(self, *, body: bool) -> None:
        if self.headers.get("Origin", self.allowed) != self.allowed:
            return self._head(HTTPStatus.FORBIDDEN, 0)
        found = self.files.find(self.path)
        if isinstance(found, bytes):
            self._head(HTTPStatus.OK, len(found))
            if body:
                self.wfile.write(found)
            return None
        try:
            file = found.open("rb") if found else None
        except OSError:
            file = None
        if file is None:
            return self._head(HTTPStatus.NOT_FOUND, 0)
        with file:
            # Of what is open: by its name it may be another file by now.
            return self._send(file, os.fstat(file.fileno()).st_size, body)

    def _send(self, file: BinaryIO, size: int, body: bool) -> None:
        """The whole of a file, or the range that was asked for: a chunk out of a shard."""
        asked = _RANGE.fullmatch(self.headers.get("Range", ""))
        if not asked:
            self._head(HTTPStatus.OK, size)
            if body:
                self._copy(file, size)
            return
        first, last = int(asked[1]), min(int(asked[2] or size), size - 1)
        if first > last:
            self._head(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, 0, f"bytes */{size}")
            return
        self._head(HTTPStatus.PARTIAL_CONTENT, last - first + 1, f"bytes {first}-{last}/{size}")
        if body:
            file.seek(first)
            self._copy(file, last - first + 1)

    def _copy(self, file: BinaryIO, size: int) -> None:
        """So many bytes, a piece at a time: a shard is large."""
        while size > 0 and (piece := file.read(min(size, _PIECE))):
            self.wfile.write(piece)
            size -= len(piece)

    def _head(self, status: HTTPStatus, length: int, content_range: str = "") -> None:
        self.send_response(status)
        # What is absent is told so to the viewer only if it may read the answer.
        self.send_header("Access-Control-Allow-Origin", self.allowed)
        self.send_header("Access-Control-Expose-Headers", "Content-Range")
        self.send_header("Access-Control-Allow-Methods", "GET, HEAD")
        self.send_header("Access-Control-Allow-Headers", "Range")
        self.send_header("Vary", "Origin")
        self.send_header("Accept-Ranges", "bytes")
        # Never a page, whatever it holds: nothing in an output is to run in a browser.
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("X-Content-Type-Options", "nosniff")
        if content_range:
            self.send_header("Content-Range", content_range)
        self.send_header("Content-Length", str(length))
        self.end_headers()
