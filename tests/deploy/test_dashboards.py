"""Dashboards are what Grafana's schema allows, and a real Prometheus answers each of their queries."""

import json
import os
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from tests.harness import shell
from tests.harness.client import SIGN, wait_for_answer
from tests.harness.programs import find_program
from tests.harness.snapshot import ROOT

FOLDER = ROOT / "template/deploy/grafana/dashboards"
NAMES = ("service", "jobs")
UNITS = {"bytes", "ops", "percentunit", "reqps", "s", "short"}
UNUSED = {"Calls to other services (p95)"}
"""Panels of what the example does not do."""

ORDER = {"reference": "", "customer_email": "ada@example.com", "currency": "EUR", "total_minor": 1, "item_count": 1}
NAMESPACE = "shop"
"""What a Prometheus in a cluster adds to each sample."""


def read_dashboard(name):
    return json.loads((FOLDER / f"{name}.json").read_text())


def list_lost(given, kept, place=""):
    """Yield what a value has that another has not, or has otherwise."""
    if isinstance(given, dict) and isinstance(kept, dict):
        for name, value in given.items():
            yield from list_lost(value, kept.get(name), f"{place}.{name}")
    elif isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        for number, (value, other) in enumerate(zip(given, kept, strict=True)):
            yield from list_lost(value, other, f"{place}[{number}]")
    elif given != kept:
        yield place


@pytest.mark.parametrize("name", NAMES)
def test_a_dashboard_has_only_what_the_schema_of_grafana_has(name):
    register_default_plugins()
    given = read_dashboard(name)
    assert [*list_lost(given, json.loads(JSONEncoder().encode(Dashboard.from_json(given))))] == []


@pytest.mark.parametrize("name", NAMES)
def test_each_panel_has_a_title_a_unit_and_the_service_that_was_chosen(name):
    dashboard = read_dashboard(name)
    assert [it["name"] for it in dashboard["templating"]["list"]] == ["datasource", "namespace", "service"]
    panels = dashboard["panels"]
    assert len({panel["title"] for panel in panels}) == len({panel["id"] for panel in panels}) == len(panels)
    assert len({(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, panel["title"]
        for target in panel["targets"]:
            selectors = target["expr"].count('{namespace=~"$namespace", service_name="$service"')
            assert selectors == target["expr"].count("{") > 0, target["expr"]


def list_queries():
    """Return all queries of panels, with the title of their panel."""
    return [
        (panel["title"], target["expr"])
        for name in NAMES
        for panel in read_dashboard(name)["panels"]
        for target in panel["targets"]
    ]


class Prometheus:
    """A running Prometheus, and the values that were chosen for the variables of a dashboard."""

    def __init__(self, url):
        self.url = url
        self.chosen = {"$__rate_interval": "15s"}

    def ask(self, path, **parameters):
        query = urllib.parse.urlencode(parameters)
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{query}", timeout=10) as response:
                return json.load(response)["data"]
        except urllib.error.HTTPError as error:
            pytest.fail(f"{parameters}: {error.read().decode()}")

    def fill(self, text):
        for name, value in self.chosen.items():
            text = text.replace(name, value)
        return text

    def choose(self, variable):
        """Choose a value of a variable, as Grafana does, once there is one."""
        selector, _, label = variable["query"].removeprefix("label_values(").removesuffix(")").rpartition(", ")
        deadline = time.monotonic() + 60
        while not (values := self.ask(f"label/{label}/values", **{"match[]": self.fill(selector)})):
            assert time.monotonic() < deadline, variable
            time.sleep(0.2)
        assert len(values) == 1
        self.chosen[f"${variable['name']}"] = values[0]

    def has_data(self, query):
        """Return whether a query has values: what divides by nothing has NaN."""
        samples = self.ask("query", query=self.fill(query))["result"]
        return any(sample["value"][1] != "NaN" for sample in samples)


@pytest.fixture
def running(synced, database_url, ports, tmp_path):
    """Start a server, a job worker and a Prometheus that scrapes them; yield it, the server and a token."""
    port, of_server, of_worker, of_prometheus = ports
    command = str(synced / ".venv/bin/service")
    key = shell.run(command, "key", cwd=synced).split()[0].partition("=")[2]
    token = shell.run(synced / ".venv/bin/python", "-c", SIGN, key, cwd=synced).strip()
    own = {"DATABASE_URL": database_url, "SERVER_PORT": str(port), "AUTH_SIGNING_KEY": key, "EDGE_CONCURRENCY": "1"}
    environment = shell.environment(**own)
    shell.run(command, "migrate", cwd=synced, **own)
    targets = [f"127.0.0.1:{it}" for it in (of_server, of_worker)]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(configure(targets)))
    scraper = [
        find_program("prometheus"),
        f"--config.file={tmp_path}/prometheus.yml",
        f"--storage.tsdb.path={tmp_path}/data",
    ]
    scraper += [f"--web.listen-address=127.0.0.1:{of_prometheus}", "--log.level=error"]
    with ExitStack() as stack:

        def begin(*command, **variables):
            process = subprocess.Popen(command, cwd=synced, env=environment | variables, process_group=0)
            stack.enter_context(process)
            stack.callback(process.terminate)
            return process

        server = begin(command, "serve", METRICS_PORT=str(of_server))
        begin(command, "worker", METRICS_PORT=str(of_worker))
        begin(*scraper)
        wait_for_answer(f"http://127.0.0.1:{port}/v1/orders", token)
        wait_for_answer(f"http://127.0.0.1:{of_prometheus}/-/ready", "")
        yield Prometheus(f"http://127.0.0.1:{of_prometheus}"), server, token


def configure(targets):
    labels = {"namespace": NAMESPACE}
    scraped = {"job_name": "pods", "static_configs": [{"targets": targets, "labels": labels}]}
    return {"global": {"scrape_interval": "1s"}, "scrape_configs": [scraped]}


def send(port, token, number):
    """Create an order, and ask for all; of many at once some are refused."""
    order = json.dumps(ORDER | {"reference": f"SO-{number}"}).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    for body in (order, None):
        with suppress(OSError):
            request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/orders", body, headers)
            urllib.request.urlopen(request, timeout=10).read()


def list_workers(pid):
    """Return the processes that a main process has spawned."""
    numbers = [int(it) for it in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [it for it in numbers if b"spawn_main" in Path(f"/proc/{it}/cmdline").read_bytes()]


@pytest.mark.slow
def test_every_query_of_a_dashboard_has_data_after_a_little_load(running, port):
    prometheus, server, token = running
    for variable in read_dashboard("service")["templating"]["list"][1:]:
        prometheus.choose(variable)
    waiting = [(title, query) for title, query in list_queries() if title not in UNUSED]
    os.kill(list_workers(server.pid)[0], signal.SIGKILL)
    deadline = time.monotonic() + 90
    sent = 0
    while waiting := [(title, query) for title, query in waiting if not prometheus.has_data(query)]:
        assert time.monotonic() < deadline, waiting
        crowd = [threading.Thread(target=send, args=(port, token, sent + number)) for number in range(10)]
        sent += len(crowd)
        for thread in crowd:
            thread.start()
        for thread in crowd:
            thread.join()
    for title, query in list_queries():
        if title in UNUSED:
            assert not prometheus.has_data(query), "it is valid, and the example could show it"
