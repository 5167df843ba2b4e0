"""A reconstruction in a browser, by Neuroglancer: its package holds the page, no internet is needed."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flows.terminal.commands import say
from flows.view.file_server import served
from flows.view.first_sight import contrast, fullest_plane
from soct_core.errors import BadInputError
from soct_core.report.neuroglancer_state import NAMES_PATH, label_names, neuroglancer_state
from soct_core.report.viewer_layers import layers_of

HOW_TO_INSTALL = (
    "neuroglancer is not installed; in the checkout of this program: pip install '.[neuroglancer]'"
)


def neuroglancer_viewer() -> Any:
    """An empty viewer, served at 127.0.0.1.

    Raises
    ------
    BadInputError
        If its package is not installed.
    """
    try:
        import neuroglancer
    except ImportError as error:
        raise BadInputError(f"{HOW_TO_INSTALL} ({error})") from error
    neuroglancer.set_server_bind_address("127.0.0.1")
    # Else its page may ask for the user's credentials of cloud storage.
    return neuroglancer.Viewer(allow_credentials=False)


def until_interrupted() -> None:
    """Wait for Ctrl-C, which is how a viewer in a browser is closed."""
    with suppress(KeyboardInterrupt):
        threading.Event().wait()


def show(
    output: Path,
    open_viewer: Callable[[], Any] = neuroglancer_viewer,
    wait: Callable[[], None] = until_interrupted,
) -> None:
    """Serve the volume of a run to a browser, and print where, until the command is interrupted.

    Raises
    ------
    BadInputError
        If there is nothing to look at, or nothing to look with.
    """
    layers = layers_of(output)
    viewer = open_viewer()
    page = viewer.get_viewer_url()
    depth_um, plane = fullest_plane(layers[0])
    documents = {f"{NAMES_PATH}/info": json.dumps(label_names()).encode()}
    with served(output, "http://" + urlsplit(page).netloc, documents) as address:
        viewer.set_state(neuroglancer_state(layers, output, address, contrast(plane), depth_um))
        say(page)
        say(_hint(page, address), error=True)
        wait()


def _hint(page: str, address: str) -> str:
    ports = (urlsplit(url).port for url in (page, address))
    tunnels = " ".join(f"-L {port}:127.0.0.1:{port}" for port in ports)
    return f"open it in a browser of this machine, or of another after: ssh {tunnels} HOST; Ctrl-C ends it"
