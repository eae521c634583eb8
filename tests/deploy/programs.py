"""Programs of Debian packages that check what is shipped."""

import shutil

import pytest

PACKAGES = {"kustomize": "kustomize", "promtool": "prometheus"}
"""The Debian package of each program."""


def find_program(name: str) -> str:
    """Return the path of a program, or skip the test."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed; on Debian: apt-get install {PACKAGES[name]}")
    return path
