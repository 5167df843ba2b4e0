"""A machine short of memory says nothing about planes: no result is made of it, as results are kept."""

from __future__ import annotations

import subprocess
import sys

import cv2
import numpy as np
import pytest

from soct_core.registration import ecc
from soct_core.registration.working_plane import registration_plane

_LITTLE_BY_LITTLE = """
import resource
import numpy as np
from soct_core.errors import RegistrationError
from soct_core.registration.elastix import optimise

rng = np.random.default_rng(0)
plane = np.cumsum(np.cumsum(rng.normal(0, 1, (1200, 1200)), 0), 1).astype(np.float32)
optimise(plane[:90, :90], plane[:90, :90], "affine", "CC", 10, (4, 2, 1))
for left in range(0, 60, 4):
    status = open("/proc/self/status").read()
    used = int(status.split("VmSize:")[1].split()[0]) * 1024
    resource.setrlimit(resource.RLIMIT_AS, (used + left * 2**20, resource.RLIM_INFINITY))
    try:
        optimise(plane, plane, "affine", "CC", 10, (4, 2, 1))
        found = "whole"
    except (MemoryError, RegistrationError) as error:
        found = type(error).__name__
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    print(found)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="how much memory is used is read from /proc")
def test_elastix_without_memory_finds_nothing() -> None:
    # In a process of its own: a limit on memory is for all threads.
    command = [sys.executable, "-c", _LITTLE_BY_LITTLE]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = done.stdout.split()
    assert set(found) == {"MemoryError", "whole"}
    assert found[-1] == "whole"


@pytest.mark.parametrize(("code", "wanted"), [(-4, MemoryError), (-7, None)])
def test_ecc_without_memory_finds_nothing(
    code: int, wanted: type[BaseException] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        error = cv2.error("Insufficient memory" if code == -4 else "no convergence")
        error.code, error.err = code, str(error)
        raise error

    plane = registration_plane(np.random.default_rng(0).normal(500, 90, (64, 64)).astype(np.float32))
    monkeypatch.setattr(ecc.cv2, "findTransformECCWithMask", refuse)
    if wanted is None:
        assert ecc.align(plane, plane, "rigid") is None
    else:
        with pytest.raises(wanted, match="Insufficient memory"):
            ecc.align(plane, plane, "rigid")
