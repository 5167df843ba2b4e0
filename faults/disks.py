"""Faults of disks: full, read-only, another file system, permission denied. Needs root."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from faults.bench import Bench
from faults.trial import Outcome, outcome

NOBODY = 65534


@contextmanager
def tmpfs(at: Path, size: str) -> Iterator[None]:
    """A file system of its own at a path; needs root."""
    at.mkdir(parents=True)
    _mount(at, f"size={size}")
    try:
        yield
    finally:
        libc = ctypes.CDLL(None, use_errno=True)
        libc.umount2(os.fsencode(at), 2)
        at.rmdir()


def _mount(at: Path, options: str, flags: int = 0) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"tmpfs", os.fsencode(at), b"tmpfs", flags, options.encode()):
        raise OSError(ctypes.get_errno(), "cannot mount a tmpfs; the disk faults need root")


def disk_full(on: Bench) -> Outcome:
    with tmpfs(on.output, "400k"):
        code = on.run()
        _mount(on.output, "size=200m", flags=32)
        return outcome(on, "disk full", code, 1, "No space left on device")


def disk_full_at_once(on: Bench) -> Outcome:
    with tmpfs(on.output, "4k"):
        (on.output / "mine").write_bytes(b"x" * 4096)
        code = on.run()
        _mount(on.output, "size=200m", flags=32)
        (on.output / "mine").unlink()
        return outcome(on, "disk full from the start", code, 1, "No space left on device")


def read_only(on: Bench) -> Outcome:
    with tmpfs(on.output, "200m"):
        _mount(on.output, "size=200m", flags=32 | 1)
        code = on.run()
        _mount(on.output, "size=200m", flags=32)
        return outcome(on, "read-only output", code, 1, "Read-only file system")


def other_file_system(on: Bench) -> Outcome:
    with tmpfs(on.output, "200m"):
        return outcome(on, "output on another file system", on.run(), 0)


def permission_denied(on: Bench) -> Outcome:
    on.output.mkdir()
    os.chown(on.output, NOBODY, NOBODY)
    code = on.run(prepare=drop_privileges)
    return outcome(on, "permission denied", code, 1, "Permission denied")


def drop_privileges() -> None:
    """Root without its capabilities: files of others are closed to it."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    if ctypes.CDLL(None, use_errno=True).capset(header, (ctypes.c_uint32 * 6)()):
        raise OSError(ctypes.get_errno(), "cannot drop capabilities")


FAULTS = (disk_full, disk_full_at_once, read_only, other_file_system, permission_denied)
