# kit: updated by the template
"""Each step of the team's scenarios in perf/scenarios/ gets the answer that it expects from a real server."""

import asyncio
from pathlib import Path

import pytest

from service import app
from service.settings import Settings
from service_tools.dev import credentials, database
from service_tools.perf import generator, requests, scenario
from service_tools.perf.generator import Sample
from service_tools.perf.target import Target
from tests.kit.processes import ROOT, serve

SCENARIOS = sorted((ROOT / scenario.FOLDER).glob("*.toml"))
ROWS = 300
REQUESTS = 5


@pytest.fixture
def url(settings: Settings, tmp_path: Path):
    """The service with some rows, as a process of its own."""
    asyncio.run(database.fill_all(settings.database, app.SLICES, ROWS))
    with serve(tmp_path, DATABASE_URL=settings.database.url.get_secret_value()) as (_, url):
        yield url


def test_every_step_of_every_scenario_gets_the_answer_that_it_expects(url: str):
    for path in SCENARIOS:
        assert try_out(url, path) == [], path


def try_out(url: str, path: Path) -> list[str]:
    """Send a few requests of each step, and return what was wrong with the answers."""
    described = scenario.read_scenario(path)
    writer = requests.make_writer(described, Target(url, credentials.make_authorization(Settings)))
    wrong = []
    for step in described.steps:
        samples: list[Sample] = []
        calls = requests.mix_calls([step], writer, url)
        generator.run_load(generator.send_at_rate(url, calls, 50, REQUESTS / 50, samples.append))
        assert len(samples) == REQUESTS
        answers = {sample.status for sample in samples}
        wrong += [f"{step.name}: answered {status}, not {step.expect}" for status in answers - {step.expect}]
    return wrong
