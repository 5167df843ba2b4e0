"""A Dask cluster of two hosts, by address: the whole flow, and the same with a host that dies.

    python e2e/two_dask_workers.py                # two workers with nothing in common but the files
    python e2e/two_dask_workers.py --namespaces   # as root: on two network namespaces joined by a cable

Each worker has a working directory, a scratch and a PREFECT_HOME of its own. Exit code 0 if both runs
end well and their outputs equal, byte for byte, those of a run on threads without any cluster.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
sys.path[:0] = [str(CHECKOUT / "tests" / "support"), str(CHECKOUT / "faults")]

from outputs import contents, leftovers  # noqa: E402
from phantom_acquisition import cut_phantom  # noqa: E402
from prefect_service import wait_for  # noqa: E402

API, SCHEDULER = 4711, 8799
HEAD, OTHER = "soct-head", "soct-other"


class Host:
    """Where programs are started: this host, or a network namespace of it."""

    def __init__(self, name: str, folder: Path, address: str, prefix: tuple[str, ...]) -> None:
        self.name, self.folder, self.address, self.prefix = name, folder / name, address, prefix
        self.folder.mkdir()

    def start(self, log: str, *arguments: str, **more: str) -> subprocess.Popen[bytes]:
        """Start a Python program in a directory, and a session, of its own."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
        environment = clean | {
            "PYTHONPATH": str(CHECKOUT),
            "PREFECT_HOME": str(self.folder / "prefect"),
            **more,
        }
        with (self.folder / f"{log}.log").open("w") as out:
            return subprocess.Popen(
                (*self.prefix, sys.executable, *arguments),
                cwd=self.folder,
                env=environment,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def said(self, log: str) -> str:
        """What a program has printed."""
        return (self.folder / f"{log}.log").read_text()


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a program and all that it started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def hosts(folder: Path, namespaces: bool) -> Iterator[tuple[Host, Host]]:
    """The head, with the server and the scheduler, and another host."""
    if not namespaces:
        yield Host("head", folder, "127.0.0.1", ()), Host("other", folder, "127.0.0.1", ())
        return

    def ip(line: str) -> None:
        subprocess.run(["ip", *line.split()], check=True)

    ip(f"netns add {HEAD}")
    try:
        ip(f"netns add {OTHER}")
        ip(f"link add soct0 netns {HEAD} type veth peer name soct0 netns {OTHER}")
        for name, address in ((HEAD, "10.77.1.1"), (OTHER, "10.77.1.2")):
            ip(f"-n {name} addr add {address}/24 dev soct0")
            ip(f"-n {name} link set soct0 up")
            ip(f"-n {name} link set lo up")
        yield (
            Host("head", folder, "10.77.1.1", ("ip", "netns", "exec", HEAD)),
            Host("other", folder, "10.77.1.2", ("ip", "netns", "exec", OTHER)),
        )
    finally:
        for name in (HEAD, OTHER):
            subprocess.run(["ip", "netns", "delete", name], check=False)


def reconstruct(on: Host, log: str, acquisition: Path, *options: str, **more: str) -> subprocess.Popen[bytes]:
    """The command line, with paths relative to a directory that the workers are not in."""
    relative = os.path.relpath(acquisition, on.folder)
    command = ("-m", "flows.reconstruct", relative, "--quiet", "--fresh", *options)
    return on.start(log, *command, **more)


def judge(title: str, run: subprocess.Popen[bytes], on: Host, log: str, output: Path, wanted: object) -> bool:
    """Whether a run ended well, with the output that is wanted."""
    started, code = time.monotonic(), run.wait()
    same = code == 0 and contents(output) == wanted and not leftovers(output)
    print(
        f"{title}: exit {code}, {'equal' if same else 'NOT EQUAL'}, waited {time.monotonic() - started:.0f} s"
    )
    if not same:
        print(on.said(log))
    return same


def cluster_of(head: Host, other: Host, ends: ExitStack) -> tuple[str, str, subprocess.Popen[bytes]]:
    """Start an API, a scheduler and a worker a host; the two addresses, and the worker of `other`."""

    def started(on: Host, log: str, *arguments: str) -> subprocess.Popen[bytes]:
        process = on.start(log, *arguments)
        ends.callback(kill, process)
        return process

    api, scheduler = f"http://{head.address}:{API}/api", f"tcp://{head.address}:{SCHEDULER}"
    where = ("--host", head.address, "--port")
    started(head, "server", "-m", "prefect", "server", "start", *where, str(API))
    dask = ("-m", "distributed.cli.dask_scheduler", *where, str(SCHEDULER), "--no-dashboard")
    started(head, "scheduler", *dask)
    wait_for(
        lambda: "Application startup" in head.said("server") or "Check out" in head.said("server"), "the API"
    )
    one = ("-m", "distributed.cli.dask_worker", scheduler, "--nthreads", "1", "--no-dashboard")
    workers = [
        started(on, "worker", *one, "--local-directory", str(on.folder / "scratch"), "--host", on.address)
        for on in (head, other)
    ]
    for on in (head, other):
        wait_for(lambda on=on: "Registered to" in on.said("worker"), f"the worker on {on.name}")  # type: ignore[misc]
    return api, scheduler, workers[1]


def trial(folder: Path, namespaces: bool) -> bool:
    acquisition = cut_phantom(folder / "shared" / "mouse")
    output = acquisition / "reconstruction"
    with hosts(folder, namespaces) as (head, other), ExitStack() as ends:
        api, scheduler, victim = cluster_of(head, other, ends)
        run = reconstruct(head, "plain", acquisition, "--runner", "threads", PREFECT_API_URL=api)
        if run.wait() != 0:
            print(head.said("plain"))
            return False
        wanted = contents(output)
        cluster = ("--runner", "dask", "--dask-address", scheduler)
        shutil.rmtree(output)
        run = reconstruct(head, "cluster", acquisition, *cluster, PREFECT_API_URL=api)
        good = judge("two workers", run, head, "cluster", output, wanted)
        if namespaces:
            # The embedded server listens on 127.0.0.1, where the other host finds nobody.
            refused = reconstruct(head, "refused", acquisition, *cluster).wait()
            print(f"without an API for all: exit {refused}: {head.said('refused').strip()}")
            good &= refused == 1 and "cannot reach the Prefect API" in head.said("refused")
        shutil.rmtree(output)
        run = reconstruct(head, "loss", acquisition, *cluster, PREFECT_API_URL=api)
        ends.callback(kill, run)
        wait_for(
            lambda: run.poll() is not None or any(output.glob("register_pairwise/*/transform.json")),
            "a first pair",
        )
        kill(victim)
        good &= judge("a host lost half way", run, head, "loss", output, wanted)
        return good


def main() -> int:
    """0 if the cluster made what one computer makes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--namespaces", action="store_true", help="two network namespaces; needs root and iproute2"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        return 0 if trial(Path(name), arguments.namespaces) else 1


if __name__ == "__main__":
    sys.exit(main())
