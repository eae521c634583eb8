# kit: updated by the template
"""No route runs a statement for each row (N+1): every GET of a slice is sent to few sample rows, and to more."""

from collections import Counter
from collections.abc import Mapping

import pytest

import service
from service import app
from service.kit.db.query import Query, find_queries
from service.settings import Settings
from service_tools.dev import database
from tests.kit import statements
from tests.kit.accounts import Ask, Asks, Deployments, adapt_settings, copy_database, open_deployments, read_tables
from tests.kit.fuzz import Fuzz
from tests.kit.test_ownership import Trial, list_trials, read_description

FEW, MANY = 2, 6
"""Sample rows of each table."""

GROWS = "{} runs {} {} times for {} rows, and {} times for {}. Fetch all by one statement: by a join or `= any($1)`."
UNKNOWN = """{0}: no request to it succeeds. Give its slice sample rows that it can be asked for (seed.py), a request in
the fixture ownership_requests, or the reason in the fixture unrequested_routes: {{"{0}": "…"}}."""


@pytest.fixture(autouse=True)
def nothing_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Allow blocking, which the tests of the slice cover, and let calls to other services fail."""
    for name, value in Fuzz().make_environment().items():
        monkeypatch.setenv(name, value)


async def test_no_route_runs_a_statement_for_each_row(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    ownership_requests: Asks | None,
    unrequested_routes: Mapping[str, str] | None,
):
    statements.note_statements(monkeypatch)
    made: list[Query] = []
    statements.noted.set(made)
    few = settings.database.url.get_secret_value()
    await database.fill_all(settings.database, app.SLICES, FEW)
    async with copy_database(few) as many:
        await database.fill_all(adapt_settings(settings, many).database, app.SLICES, MANY)
        description = await read_description(settings, many)
        trials = {str(it): it for it in list_trials(description, made) if it.route.method == "GET"}
        assert (unrequested_routes or {}).keys() <= trials.keys(), "unrequested_routes has other routes"
        problems: list[str] = []
        async with open_deployments(settings, few, many, await read_tables(settings)) as deployments:
            for name in trials.keys() - (unrequested_routes or {}).keys():
                ask = (ownership_requests or {}).get(name)
                problems += await find_growth(trials[name], deployments, None if isinstance(ask, str) else ask)
    if problems:
        # A service without the fixture is older than this test: it gets the advice, and passes.
        end = pytest.skip if unrequested_routes is None else pytest.fail
        end("\n".join(["", *sorted(set(problems))]))


async def find_growth(trial: Trial, deployments: Deployments, ask: Ask | None) -> list[str]:
    """Return which statements of a route run more often where there are more rows, or that none could be counted."""
    is_answered = not trial.is_list(deployments)
    queries = dict(find_queries(service))  # and not what the kit runs meanwhile
    problems = []
    async for attempts in trial.list_attempts(deployments, ask):
        for attempt in attempts:
            counts = []
            for deployment in (deployments.full, deployments.bare):
                trial.made.clear()
                answer = await deployment.send(attempt, deployments.owner)
                is_answered = is_answered or answer.status_code < 400
                is_polling = "event-stream" in answer.headers.get("content-type", "")
                counts.append(Counter([] if is_polling else trial.made))
            few, many = counts
            for name, query in queries.items():
                if many[query] > few[query]:
                    problems.append(GROWS.format(trial, name, few[query], FEW, many[query], MANY))
    return problems if is_answered else [UNKNOWN.format(trial)]
