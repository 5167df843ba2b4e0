"""A lab's week in half an hour: deployments, a server and workers that are killed, workers with their runs.

Every run must end, in a state that is told; no process may be left over; the next run of a deployment
must begin soon after its worker was killed, and the dead run must not be shown as running then. The
outputs must verify in the end.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

RESULTS = ROOT / "benchmarks" / "results"
POOL = "local"
FINAL = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
AT_ONCE = 2
"""Runs of a deployment that are not over: one works, one waits."""


class Lab:
    """A server and a worker, each in a process group of its own, and deployments made by `sync`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home = folder, folder / "home"
        self.home.mkdir(parents=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/api"
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")} | {
            "PREFECT_HOME": str(self.home),
            "PREFECT_API_URL": self.url,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "DO_NOT_TRACK": "1",
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(ROOT),
        }
        self.server_memory_mb = 0.0
        self.server = self.start_server()
        self.worker: subprocess.Popen[bytes] | None = None

    def start_server(self) -> subprocess.Popen[bytes]:
        self.server = self._start("server.log", "-m", "prefect", "server", "start", "--port", str(self.port))
        self.wait(lambda: self.ask("GET", "/health") is not None, "the server", 300)
        return self.server

    def kill_server(self) -> None:
        self.note_memory()
        os.killpg(self.server.pid, signal.SIGKILL)
        self.server.wait()

    def start_worker(self) -> None:
        self.worker = self._start("worker.log", "-m", "prefect", "worker", "start", "--pool", POOL)

    def kill_worker(self) -> None:
        """SIGKILL to the worker and to all that it started."""
        assert self.worker is not None
        for pid in self.others():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.worker.wait()

    def others(self) -> list[int]:
        """All processes of this lab but those of its server."""
        mark, found = f"PREFECT_HOME={self.home}".encode(), []
        for path in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                pid = int(path.name)
                if mark in (path / "environ").read_bytes() and os.getpgid(pid) != self.server.pid:
                    found.append(pid)
        return found

    def note_memory(self) -> None:
        """Take down the greatest resident memory of the server so far, in MB."""
        for path in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if os.getpgid(int(path.name)) == self.server.pid:
                    lines = (path / "status").read_text().splitlines()
                    peak = next((line for line in lines if line.startswith("VmHWM")), "x 0")
                    self.server_memory_mb = max(self.server_memory_mb, int(peak.split()[1]) / 1024)

    def deploy(self, names: Sequence[str]) -> dict[str, str]:
        """An acquisition and a deployment of each name; gives the ids of the deployments."""
        files = self.folder / "deployments"
        files.mkdir()
        for name in names:
            self.command("flows.simulate", str(self.folder / name), "--slices", "5", "--missing", "2")
            (files / f"{name}.toml").write_text(f'acquisition = "{self.folder / name}"\n')
        self.command("deployments.sync", "--directory", str(files))
        return {one["name"]: one["id"] for one in self.ask("POST", "/deployments/filter", {}) or []}

    def command(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", *arguments],
            env=self.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"{' '.join(arguments)}: {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def run(self, deployment: str, parameters: dict[str, Any]) -> str:
        """Have a run made; gives its id."""
        made = self.wait(
            lambda: self.ask(
                "POST", f"/deployments/{deployment}/create_flow_run", {"parameters": parameters}
            ),
            "a run to be made",
            seconds=600.0,  # a server under load answers "database is locked" for minutes
        )
        return str(made["id"])

    def state(self, run: str) -> tuple[str, str]:
        """Type and message of the state of a run; empty when the server is away."""
        found = self.ask("GET", f"/flow_runs/{run}")
        return (found["state_type"], (found["state"] or {}).get("message") or "") if found else ("", "")

    def ask(self, method: str, path: str, content: dict[str, Any] | None = None) -> Any:
        """The answer of the server; None while it is away."""
        with suppress(httpx.HTTPError, ValueError):
            answer = httpx.request(method, self.url + path, json=content, timeout=20)
            if answer.is_success:
                return answer.json()
        return None

    def wait(self, condition: Callable[[], Any], what: str, seconds: float = 180.0) -> Any:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if value := condition():
                return value
            time.sleep(0.5)
        raise SystemExit(f"waited {seconds:g} s for {what}")

    def stop(self) -> list[int]:
        """Stop the worker and the server; gives the processes that are left over."""
        if self.worker is not None:
            self.worker.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.worker.wait(60)
        time.sleep(3)
        left = self.others()
        self.kill_server()
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return left

    def _start(self, log: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / log).open("a") as out:
            return subprocess.Popen(
                [sys.executable, *arguments],
                env=self.environment,
                cwd=ROOT,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )


@dataclass
class Soak:
    """What happened."""

    lab: Lab
    deployments: dict[str, str]
    total: int
    runs: dict[str, list[str]] = field(default_factory=dict)
    ended: dict[str, str] = field(default_factory=dict)
    restarts: list[float] = field(default_factory=list)
    shown_though_dead: int = 0

    def open(self, name: str) -> list[str]:
        return [run for run in self.runs.setdefault(name, []) if run not in self.ended]

    def step(self) -> None:
        """Look at all runs, and have new ones made where there is room."""
        for name, deployment in self.deployments.items():
            for run in self.open(name):
                kind, message = self.lab.state(run)
                if kind in FINAL:
                    self.ended[run] = "gave way" if "not needed" in message else kind.lower()
            made = sum(map(len, self.runs.values()))
            if made < self.total and len(self.open(name)) < AT_ONCE:
                # Every fourth computes everything; what differs waits, what is the same gives way.
                self.runs[name].append(self.lab.run(deployment, {"fresh": made % 4 == 3}))

    def kill_worker(self) -> None:
        """Kill the worker with its runs, start another, and see when the next run of each is at work."""
        dead = [r for name in self.deployments for r in self.open(name) if self.lab.state(r)[0] == "RUNNING"]
        self.lab.kill_worker()
        killed = time.monotonic()
        self.lab.start_worker()
        fresh = {name: self.lab.run(d, {"fresh": False}) for name, d in self.deployments.items()}
        for name, run in fresh.items():
            self.runs[name].append(run)
        at_work: set[str] = set()
        while len(at_work) < len(fresh) and time.monotonic() - killed < 300:
            at_work |= {run for run in fresh.values() if self.lab.state(run)[0] in {"RUNNING", *FINAL}}
            time.sleep(0.5)
        self.restarts.append(time.monotonic() - killed)
        # It tells of the dead once it holds the lock, a moment after it is shown as running.
        time.sleep(5)
        self.shown_though_dead += sum(self.lab.state(run)[0] == "RUNNING" for run in dead)


def soak(lab: Lab, total: int, kills: int, draw: random.Random) -> Soak:
    """Run `total` runs of two deployments while server and workers are killed."""
    found = Soak(lab, lab.deploy(["mouse-1", "mouse-2"]), total)
    lab.start_worker()
    faults = ["server", "worker"] * kills
    draw.shuffle(faults)
    after = [total * (k + 1) // (len(faults) + 1) for k in range(len(faults))]
    last, seen = time.monotonic(), 0
    # Given up once nothing has begun or ended for a quarter of an hour.
    while time.monotonic() - last < 900:
        found.step()
        made = sum(map(len, found.runs.values()))
        if made >= total and len(found.ended) == made and not faults:
            break
        if faults and made >= after[len(after) - len(faults)]:
            time.sleep(draw.uniform(0, 15))
            kind, down = faults.pop(), draw.uniform(3, 40)
            print(f"{time.strftime('%H:%M:%S')} {made} runs; killed: {kind}", flush=True)
            if kind == "server":
                lab.kill_server()
                time.sleep(down)
                lab.start_server()
            else:
                found.kill_worker()
        if time.monotonic() - last > 75:
            # A run that died before it was a process is told of by the next one.
            for name, deployment in found.deployments.items():
                if found.open(name):
                    found.runs[name].append(lab.run(deployment, {"fresh": False}))
        if len(found.ended) + made != seen:
            last, seen = time.monotonic(), len(found.ended) + made
        time.sleep(1)
    lab.note_memory()
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 when everything ended, soon enough, and nothing was left over."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--kills", type=int, default=5, help="of the server, and as many of the worker")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--csv", type=Path, default=RESULTS / "faults_server.csv")
    arguments = parser.parse_args(argv)
    print(f"--seed {arguments.seed}", flush=True)
    folder = Path(tempfile.mkdtemp())
    lab = Lab(folder)
    try:
        found = soak(lab, arguments.runs, arguments.kills, random.Random(arguments.seed))
        stuck = [run for name in found.deployments for run in found.open(name)]
        verified = [lab.command("flows.verify", str(folder / name)) for name in found.deployments]
    finally:
        left = lab.stop()
    row = {
        "runs": sum(map(len, found.runs.values())),
        **{f"ended {k}": n for k, n in sorted(Counter(found.ended.values()).items())},
        "stuck": len(stuck),
        "slowest next run, s": f"{max(found.restarts, default=0):.0f}",
        "shown as running though dead": found.shown_though_dead,
        "outputs that verify": len(verified),
        "processes left over": len(left),
        "server, peak MB": f"{lab.server_memory_mb:.0f}",
    }
    print("\n".join(f"{name:<30}{value}" for name, value in row.items()), flush=True)
    arguments.csv.parent.mkdir(parents=True, exist_ok=True)
    with arguments.csv.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        writer.writeheader()
        writer.writerow(row)
    fine = not stuck and not left and not found.shown_though_dead and max(found.restarts, default=0) <= 60
    if fine:
        shutil.rmtree(folder)
    else:
        print(f"kept: {folder}")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
