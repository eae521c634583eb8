"""The file of a service for Compose: what it says, and whether it has what its schema asks for."""

import sys
from pathlib import Path
from typing import Any

import yaml

from tests.harness import shell


def read_compose(deploy: Path) -> dict[str, Any]:
    return yaml.safe_load((deploy / "compose.yaml").read_text())


def check_schema(deploy: Path) -> None:
    command = [Path(sys.executable).with_name("check-jsonschema"), "--builtin-schema", "vendor.compose-spec"]
    shell.run(*command, deploy / "compose.yaml", cwd=deploy)
