"""The errors that a user can cause or meet; each is also a builtin error of Python."""

from __future__ import annotations

import errno
from pathlib import Path

from schemas.printable import printable

_HOST_FAILED = {
    errno.EIO,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
    errno.ENOBUFS,
    errno.EAGAIN,
    errno.EINTR,
    errno.ESTALE,
    errno.ETIMEDOUT,
    errno.EHOSTDOWN,
    errno.EHOSTUNREACH,
    errno.ENETDOWN,
    errno.ENETUNREACH,
    errno.ENOTCONN,
    errno.ECONNRESET,
    errno.EREMOTEIO,
}
"""What a disk, a network or a busy host answers, whatever the file holds."""

MAX_MESSAGE = 2000
"""Characters. Chosen by hand: the text of a file can be longer than any terminal."""


def one_line(text: str, limit: int = MAX_MESSAGE) -> str:
    """Text as one printable line: breaks become `; `, control characters their escapes."""
    joined = "; ".join(part.strip() for part in text.splitlines() if part.strip())
    shown = printable(joined[:limit])
    return shown if len(joined) <= limit and len(shown) <= limit else f"{shown[: limit - 3]}..."


class SoctError(Exception):
    """Base of all errors raised on purpose; the message is one line a user can act on."""

    def __str__(self) -> str:
        return one_line(super().__str__())


class BadInputError(SoctError, ValueError):
    """The input cannot be used as it is; trying again changes nothing."""


class AcquisitionError(BadInputError):
    """The acquisition directory does not hold what a reconstruction needs."""


class SliceConfigError(BadInputError):
    """`slice_config.csv`, or what should enter it, breaks its schema."""


class FragmentError(BadInputError):
    """A manifest fragment is broken, foreign or there twice."""


class ShiftsError(BadInputError):
    """`shifts_xy.csv` breaks its schema."""


class TransformError(BadInputError):
    """A transform set by hand cannot be read, is not rigid, or speaks of a pair that does not exist."""


class VolumeError(BadInputError):
    """An OME-Zarr image cannot be read as a (z, y, x) volume with known voxel size."""


class SettingsError(BadInputError):
    """A setting is unknown, of the wrong type or out of range."""


class DeploymentError(BadInputError):
    """A file in `deployments/` cannot be used, or contradicts another or the server."""


class RecordError(BadInputError):
    """A JSON record of an earlier stage is missing or breaks its model."""


class ForeignFileError(BadInputError):
    """Something that is not the product's own lies where its own state should lie."""


class ReadError(SoctError, OSError):
    """The disk or the network failed while a file was read; trying again may help."""


class OutputError(SoctError, OSError):
    """An output could not be written or published."""


class OutputBusyError(SoctError, RuntimeError):
    """Another run is at work on the same output."""


class AnotherWaitsError(OutputBusyError):
    """Another run is at work on the same output, and one more waits for it already."""


class InputChangedError(SoctError, RuntimeError):
    """An input changed or went away while it was used; nothing made from it is kept."""


class ServerError(SoctError, RuntimeError):
    """The Prefect server cannot be reached, or refused."""


class RegistrationError(SoctError, RuntimeError):
    """The optimiser failed, or its result is no transform."""


class WorkerLostError(SoctError, RuntimeError):
    """The process that ran a task died; the task itself raised nothing."""


class ClusterError(SoctError, RuntimeError):
    """The Dask cluster cannot be reached, or a worker cannot do the work."""


class StageFailedError(SoctError, RuntimeError):
    """Some tasks of a stage failed; what depends on them was not started."""


def unreadable(path: Path, error: OSError, otherwise: type[BadInputError]) -> SoctError:
    """The error of a file that cannot be read: the host's where it failed, or else the input's.

    Examples
    --------
    >>> type(unreadable(Path("a.csv"), OSError(errno.EIO, "Input/output error"), SliceConfigError))
    <class 'soct_core.errors.ReadError'>
    >>> unreadable(Path("a.csv"), OSError(errno.EACCES, "Permission denied"), SliceConfigError)
    SliceConfigError('a.csv: cannot be read: Permission denied')
    """
    kind = ReadError if error.errno in _HOST_FAILED else otherwise
    return kind(f"{path}: cannot be read: {error.strerror or error}")


def first_line(error: Exception) -> str:
    """What an error says, without its further lines; its kind where it says nothing."""
    return next(iter(str(error).splitlines()), type(error).__name__)
