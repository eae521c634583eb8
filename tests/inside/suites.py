"""A run of pytest on tests of its own, under the settings of the service."""

import subprocess
import sys
from pathlib import Path

from tests.kit.processes import ROOT


def run_suite(place: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the tests of a file or folder, and return what pytest said."""
    command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pytest.toml"), "--rootdir", str(ROOT), *options]
    return subprocess.run([*command, str(place)], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
