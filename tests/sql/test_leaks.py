"""A route that gives one account what belongs to another is named: its statement, and its answer."""

import re

import pytest

from tests.harness import packages, service, shell
from tests.sql import leaky_statements

SLICE = "src/service/branches"
SUITE = ("tests/kit/test_contract.py", "tests/kit/test_ownership.py")


@pytest.fixture(scope="module")
def branches(render, workshop):
    """A service with a slice to plant leaks in."""
    folder = service.adopt(render(), workshop / "leaks")
    packages.install(folder)
    command = ("service", "new", "branches", "name:text", "--singular", "branch", "--no-plans")
    shell.run("uv", "run", "--quiet", *command, cwd=folder)
    return folder


def plant(folder, endings, more_queries="", more_routes=""):
    """Add the statements and the routes to the slice, and return how its suite ends."""
    before = {name: (folder / SLICE / name).read_text() for name in ("queries.py", "http.py")}
    added = {
        "queries.py": leaky_statements.QUERIES.format(**endings) + more_queries,
        "http.py": leaky_statements.ROUTES + more_routes,
    }
    try:
        for name, text in added.items():
            (folder / SLICE / name).write_text(before[name] + text)
        return shell.attempt("uv", "run", "--quiet", "pytest", "-q", "-n0", *SUITE, cwd=folder)
    finally:
        for name, text in before.items():
            (folder / SLICE / name).write_text(text)


@pytest.fixture(scope="module")
def output(branches):
    code, output = plant(branches, leaky_statements.LEAKY, leaky_statements.PURGE, leaky_statements.PURGING)
    assert code == 1, output
    return output


@pytest.mark.slow
@pytest.mark.parametrize("name", leaky_statements.STATEMENTS)
def test_a_statement_that_leaks_is_named(output, name):
    said = rf"{SLICE}/queries\.py:\d+ {name} \[scope\] it {leaky_statements.STATEMENTS[name]} without asking"
    assert re.search(said, output), output


@pytest.mark.slow
def test_a_statement_without_a_plan_is_named(output):
    said = rf"{SLICE}/queries\.py:\d+ purge \[plan\] PostgreSQL makes no plan of it"
    assert re.search(said, output), output


@pytest.mark.slow
@pytest.mark.parametrize("route", leaky_statements.TRIED)
def test_a_route_that_leaks_is_named(output, route):
    said = rf"{re.escape(route)}\n.*{re.escape(leaky_statements.TRIED[route])}"
    assert re.search(said, output), output


@pytest.mark.slow
def test_a_sound_slice_passes_and_each_of_its_routes_was_tried(branches):
    code, output = plant(branches, leaky_statements.SOUND)
    assert code == 0, output
    assert "skipped" not in output


UNTRIED = "no request to these routes was found that finds rows: GET /v1/branches/found"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("conftest", "code", "said"),
    [
        ("", 0, UNTRIED),
        (None, 1, UNTRIED),
        (leaky_statements.CONFTEST.format(value="ask"), 0, "passed"),
        (leaky_statements.CONFTEST.format(value="'it is a public list'"), 0, "passed"),
        (leaky_statements.CONFTEST.replace("found", "gone").format(value="ask"), 1, "other routes"),
    ],
    ids=["an older service", "a new one", "a request", "a reason", "no such route"],
)
def test_a_route_that_could_not_be_tried_is_named(branches, conftest, code, said):
    path = branches / "tests/conftest.py"
    kept = path.read_text()
    path.write_text(kept if conftest is None else conftest)
    ended, output = plant(branches, leaky_statements.SOUND, more_routes=leaky_statements.FINDING)
    path.write_text(kept)
    assert ended == code, output
    assert said in output
    assert ("skipped" in output) == (conftest == ""), output


@pytest.mark.slow
def test_the_request_of_a_team_finds_a_leak_too(branches):
    path = branches / "tests/conftest.py"
    kept = path.read_text()
    path.write_text(leaky_statements.CONFTEST.format(value="ask"))
    leaky = leaky_statements.SOUND | {"newest": leaky_statements.LEAKY["newest"]}
    code, output = plant(branches, leaky, more_routes=leaky_statements.FINDING)
    path.write_text(kept)
    assert code == 1
    assert re.search(rf"GET /v1/branches/found\n.*{leaky_statements.SHOWS}", output), output
