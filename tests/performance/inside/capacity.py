"""What one worker on one core carries, and what gives way beyond: prints JSON.

Arguments: rows, rounds, seconds of each rate, and the number of rates around the knee.

It runs in a rendered service, by the load and the scenario of `service perf load`.
"""

import asyncio
import json
import os
import re
import sys
import time
import urllib.request
from collections import Counter
from contextlib import ExitStack, redirect_stdout
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import asyncpg
import msgspec
import psutil
from service import app
from service.kit.commands.definition import ServiceDefinition
from service.settings import Settings
from service_tools.dev import credentials, database, embedded
from service_tools.perf import load, runs, scenario, target
from service_tools.perf.report import Report

SERVER_CORE, OTHER_CORE = 0, (os.cpu_count() or 1) - 1
"""Where the service runs, and where the database and the load do."""
STEPS = ("read", "first page", "create")
"""The steps of the scenario that are sent alone, before all of them."""
LATE = 1.2
"""Seconds until all refusals are counted: a worker adds up those at admission once a second."""


@dataclass(frozen=True)
class Observed(target.Target):
    """A service that is measured, and beside it the processor time of its database and of this process."""

    beside: list[tuple[float, float]] = field(default_factory=list)

    def read_cpu(self) -> float:
        """Return the processor time of the service, and note those beside it at the same moment."""
        postmaster = psutil.Process(int((embedded.DATA_FOLDER / "postmaster.pid").read_text().splitlines()[0]))
        family = (postmaster, *postmaster.children(recursive=True))
        self.beside.append((sum(target.read_cpu(process) for process in family), time.process_time()))
        return super().read_cpu()

    def read_metric(self, name: str, label: str) -> Counter[str]:
        """Return the values of a metric by a label of it."""
        text = urllib.request.urlopen(self.metrics, timeout=5).read().decode()
        found = re.findall(rf'^{name}{{[^}}]*{label}="([^"]*)"[^}}]*}} (\S+)$', text, re.MULTILINE)
        return Counter({value: int(float(number)) for value, number in found})


def main(rows: int, rounds: int, seconds: float, around: int) -> None:
    """Start everything, put load on it, and print the figures."""
    load.RATES_AROUND = around
    load.PROBE_SECONDS = min(load.PROBE_SECONDS, seconds)
    os.sched_setaffinity(0, {OTHER_CORE})
    definition = ServiceDefinition(Settings, app.SLICES, "service.app:create")
    credentials.accept_development_tokens(Settings)
    with ExitStack() as stack:
        with redirect_stdout(sys.stderr):
            settings = stack.enter_context(database.prepare_database(definition, rows, rows, "capacity"))
            asyncio.run(vacuum(settings.database.url.get_secret_value()))
        os.sched_setaffinity(0, {SERVER_CORE})  # what this process starts inherits it
        started = stack.enter_context(target.start_service(credentials.sign_development_token(Settings)))
        os.sched_setaffinity(0, {OTHER_CORE})
        service = Observed(started.url, started.token, started.processes, started.metrics)
        all_steps = scenario.read_scenario(Path("perf/scenarios/orders.toml"))
        works = {step.name: msgspec.structs.replace(all_steps, steps=[step]) for step in all_steps.steps}
        works = {name: works[name] for name in STEPS} | {"all": all_steps}
        figures = [
            {"work": name, **measure(name, described, service, seconds)}
            for _ in range(rounds)
            for name, described in works.items()
        ]
        size = service.read_metric("db_pool_connections_max", "pool").total()
    print(json.dumps({"pool": size, "figures": figures}))


async def vacuum(url: str) -> None:
    """Vacuum now, so that no vacuum runs while something is measured."""
    connection = await asyncpg.connect(url)
    await connection.execute("vacuum (analyze)")
    await connection.close()


def measure(name: str, described: scenario.Scenario, service: Observed, seconds: float) -> dict[str, object]:
    """Return the knee of some requests, and what happens at it and at twice the rate."""
    send = partial(runs.run_scenario, name, described, service, seconds)
    start = load.START_SHARE * load.find_full_speed(described, service)
    stages: list[Report] = []
    load.search_knee(send, start, stages)
    found = load.conclude_ramp(name, stages)
    knee = found.knee or found.stages[0].rate or 1
    sent = {"knee": knee, "beyond": 2 * knee}
    return {"rate": found.knee, **{place: observe(name, described, service, seconds, sent[place]) for place in sent}}


def observe(
    name: str, described: scenario.Scenario, service: Observed, seconds: float, rate: float
) -> dict[str, object]:
    """Return what a rate does to the service, its database and this process, and which limits refuse."""
    before = service.read_metric("http_requests_refused_total", "reason")
    report = runs.run_scenario(name, described, service, seconds, rate)
    time.sleep(LATE)
    refused = service.read_metric("http_requests_refused_total", "reason") - before
    all_of_them, (begun, ended) = report.total, service.beside[-2:]
    lasted = all_of_them.requests / all_of_them.per_second
    of_database, of_load = ((after - before) / lasted for before, after in zip(begun, ended, strict=True))
    return {
        "answered": all_of_them.answered,
        "errors": all_of_them.errors,
        "refused": refused,
        "p50": all_of_them.p50 or all_of_them.most,
        "p99": all_of_them.p99 or all_of_them.most,  # of few requests
        "worker": report.cores,
        "database": of_database,
        "load": of_load,
        "layers": all_of_them.layers,
        "in use": report.usage.pool_in_use,
        "waiting": report.usage.pool_waiting,
        "lag": report.usage.lag_p99_ms,
    }


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))
