# kit: updated by the template
"""Fuzz the whole API with requests that its description allows, and with many that it does not."""

import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from tests.kit.fixtures import make_headers
from tests.kit.fuzz import Fuzz
from tests.kit.processes import ROOT, serve

pytestmark = pytest.mark.faults

# JSON Schema allows 1.0 for an integer, and any string for a cursor, and the service refuses them. And a create that is
# repeated with its key gets its first answer, even if the resource has been deleted since.
EXCLUDED = "positive_data_acceptance,ensure_resource_availability"


def test_no_request_finds_a_5xx_or_an_answer_outside_of_the_description(database_url: str, tmp_path: Path, fuzz: Fuzz):
    settings = {"DATABASE_URL": database_url, "SERVER_DOCS": "true"}
    settings["EDGE_STREAM_LIFETIME"] = "0.05"  # or each event stream would be read until the run is over
    config = tmp_path / "schemathesis.toml"
    command = [sys.executable, "-m", "schemathesis.cli", f"--config-file={config}", "run"]
    command += ["--no-color", "--max-examples=25", "--checks=all", f"--exclude-checks={EXCLUDED}"]
    command += ["--generation-allow-x00=true", "--generation-deterministic"]
    with serve(tmp_path, **settings, **fuzz.make_environment()) as (_, url):
        with httpx2.Client(base_url=url) as client:
            headers = fuzz.sign_up(client) if fuzz.sign_up else make_headers()
            config.write_text(fuzz.configure(client.get("/openapi.json").json()))
        command += [f"--header={name}: {value}" for name, value in headers.items()]
        command.append(f"{url}/openapi.json")
        result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=600)
    has_routes = "The schema defines no API operations" not in result.stdout
    assert result.returncode == 0 or not has_routes, (
        f"{result.stdout}\n{(tmp_path / 'output').read_text('utf-8')[-3000:]}"
    )
    assert has_routes or not list((ROOT / "src/service").glob("*/http.py")), "a slice is left out of the description"
