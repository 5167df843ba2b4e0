"""Whatever was loaded before this program: no library computes with more than one thread."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_PROGRAM = """
import time
{before}
import soct_core.zmorph, soct_core.volume
import numpy, scipy.linalg, cv2, itk, numcodecs.blosc
from concurrent.futures import ThreadPoolExecutor
a = numpy.random.default_rng(0).random((700, 700))
wall, cpu = time.perf_counter(), time.process_time()
for _ in range(6):
    a @ a
    scipy.linalg.solve(a, a)
    time.sleep(0.02)
wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
assert cpu < 1.1 * wall, (cpu, wall)
assert cv2.getNumThreads() == 1
assert itk.MultiThreaderBase.GetGlobalDefaultNumberOfThreads() == 1
assert numcodecs.blosc.set_nthreads(1) == 1
"""


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one core shows nothing")
@pytest.mark.parametrize("before", ["", "import numpy, scipy.linalg"])
def test_no_library_has_threads_of_its_own(before: str) -> None:
    threads = {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"}
    environment = {name: value for name, value in os.environ.items() if name not in threads}
    program = [sys.executable, "-c", _PROGRAM.format(before=before)]
    done = subprocess.run(program, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
