# kit: updated by the template
"""Fuzz the whole API with requests that its description allows, and with many that it does not."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.fixtures import make_headers
from tests.kit.processes import ROOT, find_port, start, wait_until_live

pytestmark = pytest.mark.faults

# JSON Schema allows 1.0 for an integer, and any string for a cursor, and the service refuses them. And a create that is
# repeated with its key gets its first answer, even if the resource has been deleted since.
EXCLUDED = "positive_data_acceptance,ensure_resource_availability"


def test_no_request_finds_a_5xx_or_an_answer_outside_of_the_description(database_url: str, tmp_path: Path):
    port = find_port()
    url = f"http://127.0.0.1:{port}"
    settings = {"DATABASE_URL": database_url, "SERVER_PORT": str(port), "SERVER_DOCS": "true"}
    settings["EDGE_STREAM_LIFETIME"] = "0.05"  # or each event stream would be read until the run is over
    command = [
        sys.executable,
        "-m",
        "schemathesis.cli",
        "run",
        f"{url}/openapi.json",
        "--no-color",
        "--max-examples=25",
    ]
    checks = [
        "--checks=all",
        f"--exclude-checks={EXCLUDED}",
        "--generation-allow-x00=true",
        "--generation-deterministic",
        *(f"--header={name}: {value}" for name, value in make_headers().items()),
    ]
    with start("serve", cwd=tmp_path, **settings) as process:
        wait_until_live(process, url)
        result = subprocess.run(
            [*command, *checks], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=600
        )
    has_routes = "The schema defines no API operations" not in result.stdout
    assert result.returncode == 0 or not has_routes, (
        f"{result.stdout}\n{(tmp_path / 'output').read_text('utf-8')[-3000:]}"
    )
    assert has_routes or not list((ROOT / "src/service").glob("*/http.py")), "a slice is left out of the description"
