"""Prefect flows and command lines over `soct_core`."""

import sys
from pathlib import Path

# `python -m` puts the working directory first, where a `schemas.py` of the user's would hide ours.
if sys.argv[:1] == ["-m"] and Path(sys.path[0] or ".").resolve() != Path(__file__).resolve().parents[1]:
    del sys.path[0]

from flows.engine.prefect_environment import keep_quiet

# Before Prefect is imported: it reads its environment only then.
keep_quiet()
