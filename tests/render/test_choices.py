"""What was not chosen is not there: no file of it, and no word."""

import re

import pytest

from tests.harness import service
from tests.render.traces import JOBS, OF_ALL_SERVICES, OF_ANY_HOST, OTHER_HOSTS, OTHER_PLACES, SLICES, SPOKEN_OF

PARTS = {
    *("Dockerfile", "Dockerfile.dockerignore", "Dockerfile.tools", "Dockerfile.tools.dockerignore"),
    *("compose.yaml", "delivery.sh", "runbook.md"),
    *("grafana", "pgbouncer", "postgres", "prometheus"),
}
"""What is in deploy/ wherever it is there."""
HOST = {"backup", "caddy", "release.sh", "rotate-password.sh", "secrets.sh"}
"""What one host needs besides."""


@pytest.mark.parametrize("jobs", [True, False])
def test_jobs_leave_no_trace_where_they_are_not_wanted(jobs, render):
    tree = service.read(render(jobs=jobs))
    traces = {name for name, (content, _) in tree.items() if JOBS.search(name) or JOBS.search(content.decode())}
    assert len(traces) > 20 or not jobs
    assert jobs or traces - {*OF_ALL_SERVICES, *SPOKEN_OF} == set()


@pytest.mark.parametrize("ci", OTHER_HOSTS)
def test_a_host_leaves_no_trace_where_it_was_not_chosen(ci, render):
    tree, others = service.read(render(ci=ci)), re.compile(OTHER_HOSTS[ci], re.IGNORECASE)
    traces = {name for name, (content, _) in tree.items() if others.search(name) or others.search(content.decode())}
    assert traces - OF_ALL_SERVICES <= set(OF_ANY_HOST)


@pytest.mark.parametrize("deploy", OTHER_PLACES)
def test_a_way_to_deploy_leaves_no_trace_where_it_was_not_chosen(deploy, render):
    tree, others = service.read(render(deploy=deploy)), re.compile(OTHER_PLACES[deploy], re.IGNORECASE)
    found = {name for name, (content, _) in tree.items() if others.search(name) or others.search(content.decode())}
    assert found <= OF_ALL_SERVICES
    parts = {name.split("/")[1] for name in tree if name.startswith("deploy/")}
    assert parts == {"none": set(), "compose": PARTS | HOST, "kubernetes": PARTS | {"kubernetes"}}[deploy]


@pytest.mark.parametrize("example", SLICES)
def test_an_example_leaves_no_trace_where_it_was_not_chosen(example, render):
    tree, others = service.read(render(example=example)), re.compile(SLICES[example])
    own = {name: text.decode() for name, (text, _) in tree.items() if "service/kit/" not in name}
    own = {name: text for name, text in own.items() if not name.startswith("src/service_tools/")}
    assert {name for name, text in own.items() if others.search(name) or others.search(text)} <= OF_ALL_SERVICES
    assert ("src/service/orders/http.py" in own) == (example == "orders")
    assert ("src/service/status/http.py" in own) == (example == "none")
