"""Programs that no Python package has. Only slow tests need them; `.ci/install` installs them on Debian and Ubuntu."""

import shutil
from pathlib import Path
from typing import NoReturn

import pytest

PACKAGES = {
    "kustomize": "kustomize",
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "npx": "npm",
    "pgbouncer": "pgbouncer",
    "chromium": "chromium",
    "buildah": "buildah netavark",
    "caddy": "caddy",
    "docker-compose": "docker-compose",
    "skopeo": "skopeo",
    "cosign": "cosign",
    "docker-registry": "docker-registry",
}
"""The Debian package of each program."""


def find_program(name: str) -> Path:
    """Return the path of a program, or fail and say what to install."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if path is None:
        fail_without(name, f"apt-get install {PACKAGES[name]}")
    return Path(path)


def fail_without(name: str, command: str) -> NoReturn:
    """Fail, and say which command installs what is missing."""
    pytest.fail(f"{name} is not installed. Run .ci/install as root, or: {command}", pytrace=False)
