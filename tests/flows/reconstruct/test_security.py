"""What strangers could try on a whole run: addresses, pickles, markup, links."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_slices import small_acquisition

from flows.reconstruct.__main__ import main as reconstruct_command
from soct_core.run.verification import verify

MARKUP = "<img src=x onerror=alert(1)>"


# Every process that Python starts reads this first. It sees what no library could hide from it.
WATCH = """
import os, sys

def watch(event, args):
    if event in ("socket.connect", "socket.bind", "socket.sendto") and isinstance(args[1], tuple):
        host = str(args[1][0])
        if not (host.startswith("127.") or host in ("::1", "localhost")):
            note(event + " " + host)
    elif event == "socket.getaddrinfo":
        if str(args[0]) not in ("None", "localhost", "b'localhost'", "127.0.0.1", "::1"):
            note(event + " " + str(args[0]))
    # dask.delayed copies operators through a pickle in memory while it is imported.
    elif event == "pickle.find_class" and args[0] not in ("_operator", "dask.delayed"):
        note(event + " " + ".".join(args))

def note(what):
    descriptor = os.open(os.environ["WATCHED"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, (what + "\\n").encode())
    os.close(descriptor)

sys.addaudithook(watch)
"""


@pytest.fixture(scope="module")
def watched_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Two runs, the second from the cache, of an acquisition full of markup; and what they tried."""
    folder = tmp_path_factory.mktemp("watched")
    (folder / "watch").mkdir()
    (folder / "watch" / "sitecustomize.py").write_text(WATCH)
    acquisition = small_acquisition(folder / MARKUP)
    (acquisition / "slice_config.csv").write_text(
        f'slice_id,use,auto_exclude_reason,notes\n1,false,{MARKUP},"=HYPERLINK(""http://evil"")"\n'
    )
    watched = folder / "watched.txt"
    environment = {
        k: v for k, v in os.environ.items() if not k.startswith("PREFECT_") and k != "DO_NOT_TRACK"
    }
    environment |= {
        "PREFECT_HOME": str(folder / "prefect"),
        "PYTHONPATH": os.pathsep.join([str(folder / "watch"), *sys.path]),
        "WATCHED": str(watched),
    }
    command = [sys.executable, "-m", "flows.reconstruct", str(acquisition), "--runner", "threads", "--quiet"]
    for _ in range(2):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    return folder, watched.read_text().splitlines() if watched.exists() else []


def test_nothing_is_sent_anywhere_and_nothing_listens_to_the_world(
    watched_run: tuple[Path, list[str]],
) -> None:
    assert [line for line in watched_run[1] if line.startswith("socket")] == []


def test_the_watch_sees_what_it_looks_for(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(WATCH)
    code = (
        "import pickle, socket\n"
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('192.0.2.1', 9))\n"
        "socket.socket().bind(('0.0.0.0', 0))\n"
        "pickle.loads(pickle.dumps(socket.socket))\n"
    )
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "WATCHED": str(tmp_path / "seen")}
    subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=False)
    seen = (tmp_path / "seen").read_text()
    for what in ("socket.connect 192.0.2.1", "socket.bind 0.0.0.0", "pickle.find_class"):
        assert what in seen


def test_no_result_is_stored_by_prefect_and_no_pickle_is_loaded(watched_run: tuple[Path, list[str]]) -> None:
    folder, seen = watched_run
    assert [line for line in seen if line.startswith("pickle")] == []
    storage = folder / "prefect" / "storage"
    assert not storage.exists() or list(storage.iterdir()) == []


def test_text_from_files_is_escaped_in_the_report(watched_run: tuple[Path, list[str]]) -> None:
    page = (watched_run[0] / MARKUP / "reconstruction" / "report.html").read_text()
    assert MARKUP not in page
    assert "&lt;img src=x" in page
    # Text may speak of an address; nothing may load one.
    assert (
        re.search(r"(?:src|href|action)\s*=\s*[\"']?\s*(?:https?:)?//|url\(\s*[\"']?(?:https?:)?//", page)
        is None
    )


def test_carried_text_stays_and_a_finished_run_verifies(watched_run: tuple[Path, list[str]]) -> None:
    output = watched_run[0] / MARKUP / "reconstruction"
    assert '"=HYPERLINK(""http://evil"")"' in (output / "slice_config_final.csv").read_text()
    found = verify(output)
    assert found.problems == ()
    assert found.slots == 3


@pytest.mark.parametrize("name", ["stack", "register_pairwise", "interpolate_missing_slice", ".soct"])
def test_a_link_within_the_output_is_not_followed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    acquisition = small_acquisition(tmp_path / "mouse")
    precious = tmp_path / "precious" / "slice_z00_z01"
    precious.mkdir(parents=True)
    (acquisition / "reconstruction").mkdir()
    (acquisition / "reconstruction" / name).symlink_to(precious.parent)
    assert reconstruct_command([str(acquisition)]) == 2
    assert f"{name}: is a link, wanted a directory" in capsys.readouterr().err
    assert precious.is_dir()
