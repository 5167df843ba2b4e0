"""Prefect flows and command lines over `soct_core`."""

from flows.engine.prefect_environment import keep_quiet

# Before Prefect is imported: it reads its environment only then.
keep_quiet()
