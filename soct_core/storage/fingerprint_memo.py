"""The memo of fingerprints: hashes of files that need not be read again while their stat stays.

It lies as JSON beside the outputs, one file a store, so that the next run profits too. A file
touched a moment before it was hashed is not remembered: a second change within the same tick of
the clock could not be told from its stat.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from pydantic import ValidationError

from schemas.fingerprint_memo import FileStat, RememberedFile, RememberedStore
from soct_core.errors import BadInputError, ForeignFileError, OutputError
from soct_core.file_names import FINGERPRINTS_FOLDER
from soct_core.storage.own_files import publish_own, read_own

TICK_NS = 2 * 10**9
"""The coarsest clock of a usual file system (FAT: 2 s). A file changed within this time, or later than now
because a clock jumped, could change again without a sign."""
_BLOCK = 2**22
"""Bytes that are read at once. Chosen by hand."""
_MOST_BYTES = 2**30
"""Far above what is remembered of a store of a million files. Chosen by hand."""

Files = Mapping[str, str]
"""Paths of files by their names relative to the store."""


class FingerprintMemo:
    """Remembers the hash of each file of each store; where an `output` is given, in its state too."""

    def __init__(self, output: Path | None, *, believe: bool = True, keep: bool = True) -> None:
        self._output = output
        self._keep = keep
        """Whether later runs are to profit."""
        self._believe = believe
        """Whether what earlier runs remembered counts."""
        self._stores: dict[Path, dict[str, RememberedFile]] = {}

    def hashes(self, store: Path, files: Files) -> dict[str, str]:
        """Hash of the content of each file, by name; reads those that are new or were touched."""
        known = self._known(store)
        hashes, remembered = {}, {}
        for name, path in files.items():
            old = known.get(name)
            if old is not None and old.stat == stat_of(path):
                hashes[name], remembered[name] = old.content, old
                continue
            hashes[name], settled = _read(path)
            if settled is not None:
                remembered[name] = settled
        if remembered != known:
            self._remember(store, remembered)
        return hashes

    def inherit(self, store: Path, files: Files, sources: Iterable[Path]) -> None:
        """Take over what is known of files that were linked into a store, from stores just verified.

        To link and unlink a file changes its change time and nothing else; inode, size and
        modification time say that it is the one that was verified.
        """
        found: dict[str, RememberedFile] = {}
        for source in sources:
            for name, old in self._known(source).items():
                now = stat_of(files[name]) if name in files else None
                if now is not None and _but_change_time(now) == _but_change_time(old.stat):
                    found[name] = old.model_copy(update={"stat": now})
        if found != self._known(store):
            self._remember(store, found)

    def forget(self, stores: Iterable[Path]) -> None:
        """Remember nothing more of some stores."""
        for store in stores:
            self._stores.pop(store, None)
            if self._output is not None:
                # What stays there costs a little room.
                with suppress(OSError):
                    (self._output / _place(store)).unlink()

    def _known(self, store: Path) -> dict[str, RememberedFile]:
        if store not in self._stores:
            self._stores[store] = self._read_memo(store) if self._believe else {}
        return self._stores[store]

    def _read_memo(self, store: Path) -> dict[str, RememberedFile]:
        if self._output is None:
            return {}
        try:
            found = RememberedStore.model_validate_json(read_own(self._output, _place(store), _MOST_BYTES))
        except (OSError, ValidationError, ForeignFileError):
            return {}
        return found.files if found.store == os.fspath(store) else {}

    def _remember(self, store: Path, files: dict[str, RememberedFile]) -> None:
        self._stores[store] = files
        if self._output is not None and self._keep:
            text = RememberedStore(store=os.fspath(store), files=files).model_dump_json()
            # It saves time, nothing else: on a full disk the next run reads once more.
            with suppress(OutputError, ForeignFileError):
                publish_own(self._output, _place(store), text + "\n")


_memo: ContextVar[FingerprintMemo | None] = ContextVar("memo", default=None)
_PROCESS_MEMO = FingerprintMemo(None)


def memo() -> FingerprintMemo:
    """The memo in use: that of `remembering`, or else one of this process."""
    return _memo.get() or _PROCESS_MEMO


def process_memo() -> FingerprintMemo:
    """A memo that ends with this process."""
    return _PROCESS_MEMO


@contextmanager
def remembering(output: Path, *, believe: bool = True, keep: bool = True) -> Iterator[FingerprintMemo]:
    """Use the memo of a run's output within; with `believe=False`, nothing that it says from before.

    With `keep=False` nothing is written.
    """
    token = _memo.set(FingerprintMemo(output, believe=believe, keep=keep))
    try:
        yield memo()
    finally:
        _memo.reset(token)


def stat_of(path: str) -> FileStat:
    """Size, times and inode of a file.

    Raises
    ------
    BadInputError
        If it is no file: to hash a pipe is to wait for ever, and a device never ends.
    """
    s = os.stat(path)  # noqa: PTH116  (thousands of files: three times faster)
    if not stat.S_ISREG(s.st_mode):
        raise BadInputError(f"{path}: is a pipe or device, wanted a file")
    return s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino


def is_settled(found: FileStat, now_ns: int | None = None) -> bool:
    """Whether a change from now on would show in the stat, whatever the clock of the file system."""
    return max(found[1:3]) < (now_ns or time.time_ns()) - TICK_NS


def _read(path: str) -> tuple[str, RememberedFile | None]:
    """The hash of a file, and what may be remembered of it."""
    now, before = time.time_ns(), stat_of(path)
    digest = hashlib.blake2b(digest_size=16)
    with open(path, "rb") as file:  # noqa: PTH123
        while block := file.read(_BLOCK):
            digest.update(block)
    content = digest.hexdigest()
    settled = is_settled(before, now) and stat_of(path) == before
    return content, RememberedFile(stat=before, content=content) if settled else None


def _but_change_time(found: FileStat) -> tuple[int, int, int]:
    size, modified, _, inode = found
    return size, modified, inode


def _place(store: Path) -> str:
    return f"{FINGERPRINTS_FOLDER}/{hashlib.blake2b(os.fsencode(store), digest_size=16).hexdigest()}.json"
