"""Versions of what computed a result, for the audit trail."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version
from platform import python_version

PACKAGES = ("soct-flows", "numpy", "scipy", "itk-elastix", "opencv-python-headless", "zarr", "prefect")

NOT_INSTALLED = "not installed"


@cache
def software_versions() -> dict[str, str]:
    """Version of Python and of each package that a result depends on."""
    found = {"python": python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = NOT_INSTALLED
    return found
