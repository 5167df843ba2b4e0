"""`soct view --neuroglancer`, with a viewer of our own: its package is an extra."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest
from recorded_output import recorded_output

from flows.view import in_neuroglancer
from flows.view.__main__ import main

PAGE = "http://127.0.0.1:9"


class Viewer:
    """Takes what Neuroglancer would."""

    state: dict[str, Any]

    def get_viewer_url(self) -> str:
        return f"{PAGE}/v/secret/"

    def set_state(self, state: dict[str, Any]) -> None:
        self.state = state


def test_without_its_package_one_line_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "neuroglancer", None)
    recorded_output(tmp_path)
    assert main([str(tmp_path), "--neuroglancer"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: neuroglancer is not installed; in the checkout of this program: pip")
    assert "'.[neuroglancer]'" in line


def test_its_page_can_read_what_the_state_names_until_it_is_closed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    viewer, seen = Viewer(), dict[str, bytes]()

    def read(url: str) -> bytes:
        with urlopen(Request(url, headers={"Origin": PAGE}), timeout=10) as answer:
            return bytes(answer.read())

    def look() -> None:
        for layer in viewer.state["layers"]:
            sources = layer["source"] if isinstance(layer["source"], list) else [layer["source"]]
            for scheme, url in (source.split("://", 1) for source in sources):
                name = "zarr.json" if scheme == "zarr" else "info"
                seen[f"{url}/{name}"] = read(f"{url}/{name}")

    in_neuroglancer.show(recorded_output(tmp_path), lambda: viewer, look)
    assert [layer["name"] for layer in viewer.state["layers"]] == ["volume", "provenance", "uncertainty"]
    documents = [json.loads(text) for text in seen.values()]
    assert [document.get("node_type", document.get("@type")) for document in documents] == [
        "group",
        "group",
        "neuroglancer_segment_properties",
        "group",
    ]
    printed = capsys.readouterr()
    assert printed.out == f"{PAGE}/v/secret/\n"
    assert "ssh -L 9:127.0.0.1:9 -L" in printed.err
    with pytest.raises(URLError):
        read(next(iter(seen)))


def test_ctrl_c_closes_it_quietly(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = recorded_output(tmp_path)

    def interrupted(opened: Path) -> None:
        threading.Timer(0.2, os.kill, [os.getpid(), signal.SIGINT]).start()
        in_neuroglancer.until_interrupted()
        assert opened == output

    monkeypatch.setattr("flows.terminal.signals._reason", "")
    monkeypatch.setattr(in_neuroglancer, "show", interrupted)
    # What runs in the background of a shell is started with the signal ignored, and would wait for ever.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert main([str(tmp_path), "--neuroglancer"]) == 0
    finally:
        signal.signal(signal.SIGINT, before)
    assert capsys.readouterr().err == ""
