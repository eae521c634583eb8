"""Folders that all processes of a test run share, each made by the first that wants it."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

RUN = "TEMPLATE_TEST_RUN"
"""Names the folder of a test run, for the commands that it starts. They share what it has made."""


def find_folder(factory: pytest.TempPathFactory) -> Path:
    """Return the temporary folder of the whole run. A process of pytest-xdist has its own in there."""
    own = factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def make_once(folder: Path, make: Callable[[Path], object]) -> Path:
    """Return a folder that `make` has made, in this process or another. One that it left half made is not taken."""
    folder.parent.mkdir(exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            unfinished = folder.with_suffix(".part")
            make(unfinished)
            unfinished.rename(folder)
    return folder
