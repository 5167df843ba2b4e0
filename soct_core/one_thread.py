"""One process of many: one thread for every library, as threads that wait spin, and no memory kept back."""

from __future__ import annotations

import ctypes
import os
import re
from pathlib import Path

ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1",
}
"""Read by libraries when they are loaded; what is set already stays."""
_SETTERS = ("scipy_openblas_set_num_threads64_", "scipy_openblas_set_num_threads", "openblas_set_num_threads")
_MAPS = Path("/proc/self/maps")


def use_one_thread() -> None:
    """Set the environment for libraries to come, and limit those that are loaded already.

    A number of threads that the user has set counts for both.
    """
    asked = os.environ.get("OPENBLAS_NUM_THREADS") or os.environ.get("OMP_NUM_THREADS")
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if asked is None and _MAPS.exists():
        for path in sorted(set(re.findall(r"/\S*openblas\S*\.so\S*", _MAPS.read_text()))):
            library = ctypes.CDLL(path)
            for setter in filter(lambda name: hasattr(library, name), _SETTERS):
                getattr(library, setter)(1)


def give_back_memory() -> None:
    """Hand freed memory back to the system, where its allocator (glibc) keeps some for later.

    For halves of a task that want it in other pieces: what the first has freed is of no use to the second.
    """
    if _MAPS.exists():
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
