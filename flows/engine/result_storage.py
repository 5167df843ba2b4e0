"""Where Prefect keeps cached results: a place that nobody else may write to.

Ours are JSON, but a result says of itself how it is to be read, and Prefect would unpickle one
that says so: whoever can put a file there can have any code run.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
from pathlib import Path
from tempfile import TemporaryFile

from soct_core.errors import BadInputError, OutputError


def refuse_open_storage() -> None:
    """Refuse to read results from where a stranger can put them.

    Raises
    ------
    BadInputError
        If the directory, or what holds it, belongs to another user or is writable by others.
    """
    from prefect.settings import PREFECT_HOME, PREFECT_LOCAL_STORAGE_PATH

    home = Path(PREFECT_HOME.value()).expanduser()
    storage = Path(PREFECT_LOCAL_STORAGE_PATH.value() or home / "storage").expanduser()
    for path in (home,) if _is_mine_to_enter(home) and home in storage.parents else (home, storage):
        if path.exists() and (why := _open_to(path.stat())):
            raise BadInputError(
                f"{path}: holds cached results and {why}, wanted a directory that only you can write to; "
                f"chmod go-w it, or set PREFECT_HOME"
            )


def refuse_unwritable_home() -> None:
    """Say at once where Prefect cannot keep its records; its server would say it in thousands of lines.

    Raises
    ------
    OutputError
        If the directory cannot be made or written to.
    """
    # As Prefect finds it, but before it is imported: it would warn first, at length.
    named = os.environ.get("PREFECT_HOME") or "~/.prefect"
    try:
        home = Path(named).expanduser()
    except RuntimeError as error:
        raise OutputError(
            f"{named}: cannot be written: HOME is not set, and this user has no home directory; "
            f"set PREFECT_HOME to a place where you can"
        ) from error
    try:
        # Whatever the umask: what others could write to is refused.
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with TemporaryFile(dir=home):
            pass
    except OSError as error:
        raise OutputError(
            f"{home}: cannot be written: {error.strerror or error}; set PREFECT_HOME to a place where you can"
        ) from error


def _is_mine_to_enter(folder: Path) -> bool:
    """Whether nobody else gets at what lies in a directory."""
    if not folder.exists():
        return False
    found = folder.stat()
    return found.st_uid == os.geteuid() and not found.st_mode & (stat.S_IRWXG | stat.S_IRWXO)


def _open_to(found: os.stat_result) -> str:
    if found.st_uid not in (os.geteuid(), 0):
        return "belongs to another user"
    shared = found.st_mode & stat.S_IWGRP and not _is_mine_alone(found.st_gid)
    if found.st_mode & stat.S_IWOTH or shared:
        return "is writable by others"
    return ""


def _is_mine_alone(gid: int) -> bool:
    """Whether a group is root's, or one of the user's own name, as is the custom on many systems."""
    try:
        group, user = grp.getgrgid(gid), pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return False
    return group.gr_name in (user, "root") and set(group.gr_mem) <= {user}
