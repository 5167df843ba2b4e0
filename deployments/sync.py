"""Make the deployments of a Prefect server match the files here: `python -m deployments.sync`.

Creates what is new, updates what differs, pauses what lost its file. Deletes nothing, and leaves
deployments alone that it did not make. Doing it twice changes nothing the second time.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flows.terminal.commands import called, say
from flows.terminal.exit_codes import HELP, CommandParser, exit_code
from soct_core.errors import DeploymentError

if TYPE_CHECKING:
    from deployments.state import State


def parser() -> argparse.ArgumentParser:
    """The parser of the command."""
    p = CommandParser(
        prog=called("sync"),
        description="Create, update and pause Prefect deployments to match deployments/*.toml.\n"
        "The server is the one that PREFECT_API_URL names.",
        epilog="examples:\n  python -m deployments.sync --dry-run\n"
        f"  PREFECT_API_URL=http://127.0.0.1:4200/api python -m deployments.sync\n\n{HELP}",
    )
    p.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    p.add_argument(
        "--directory",
        type=Path,
        default=Path("deployments"),
        help="where the files are (default: %(default)s)",
    )
    return p


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0 when the server matches, 1 when it cannot be reached, 2 for a bad file."""
    arguments = parser().parse_args(argv)
    return exit_code(lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> None:
    for line in sync(arguments.directory, Path.cwd(), dry_run=arguments.dry_run):
        say(line)


def sync(folder: Path, root: Path, *, dry_run: bool = False) -> Iterator[str]:
    """Match the server to the files of a folder, and say line by line what was done.

    Parameters
    ----------
    root
        The checkout: its `prefect.yaml` holds what is common, and runs begin there.

    Raises
    ------
    DeploymentError
        If a file is broken, or its name is taken by a deployment made otherwise; nothing was done.
    ServerError
        If the server cannot be reached or refuses.
    """
    from prefect.utilities.callables import parameter_schema

    from deployments.files import read_all
    from deployments.prefect_yaml import read_common
    from deployments.server import configured_server, deployments_of, has_pool, make_pool, put
    from deployments.state import TAG, differences, found, wanted
    from flows.assess import assess
    from flows.reconstruct import reconstruct

    common, files = read_common(root), read_all(folder, root)
    flows = (reconstruct, assess)
    forms = {flow.name: parameter_schema(flow.fn).model_dump_for_openapi() for flow in flows}
    states = {(state.flow, state.name): state for one in files for state in wanted(one, common, root, forms)}
    with configured_server() as client:
        there = {
            (flow.name, name): one
            for flow in flows
            for name, one in deployments_of(client, flow.name).items()
        }
        for key, state in states.items():
            if key in there and TAG not in there[key].tags:
                raise DeploymentError(
                    f"{folder}: name {state.name!r} is taken by a deployment that was not made from a file, "
                    "wanted another name"
                )
        if dry_run:
            yield "dry run: nothing is done; otherwise:"
        if not has_pool(client, common.work_pool.name):
            if not dry_run:
                make_pool(client, common.work_pool.name)
            yield f"created   work pool {common.work_pool.name!r} of processes"
        for key, state in states.items():
            changes = differences(found(state.flow, there[key]), state) if key in there else None
            if changes != [] and not dry_run:
                put(client, state)
            yield _line(state, changes)
        for key in sorted(key for key in there.keys() - states.keys() if TAG in there[key].tags):
            one = there[key]
            if not one.paused and not dry_run:
                client.pause_deployment(one.id)
            told = "unchanged" if one.paused else "paused   "
            yield f"{told} {found(key[0], one).label}: its file is gone, or does not ask for it"


def _line(state: State, changes: list[str] | None) -> str:
    if changes:
        return f"updated   {state.label}: {'; '.join(changes)}"
    when = "by hand only" if state.cron is None else f"at {state.cron!r} {state.timezone}"
    paused = ", paused" if state.paused else ""
    acquisition = state.parameters["acquisition"]
    return f"{'created  ' if changes is None else 'unchanged'} {state.label}: {acquisition}, {when}{paused}"


if __name__ == "__main__":
    sys.exit(main())
