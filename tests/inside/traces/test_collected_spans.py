"""What a collector gets from the real processes: names and attributes of OpenTelemetry's semantic conventions."""

import asyncio
import os
import pkgutil
from collections.abc import Generator, Iterator
from importlib import import_module
from uuid import UUID

import httpx2
import pytest
from inside import collector
from inside.collector import Collector
from pydantic import SecretStr
from service.kit import find_distribution
from service.kit.db.sessions import DatabaseOptions, describe_server
from service.kit.work import traces

from tests.kit.fixtures import TEMPLATE, make_database, make_headers
from tests.kit.processes import find_port, start, wait_until_live
from tests.orders.test_orders import NEW

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = "00f067aa0ba902b7"
SENT = {"traceparent": f"00-{TRACE}-{CALLER}-01", "user-agent": "checks/1.0"}
FORGED = {"host": "shop.example", "x-forwarded-proto": "https", "x-forwarded-host": "forged.example"}


@pytest.fixture(scope="module")
def database_url() -> Generator[str]:
    """A migrated database for all tests of this module."""
    with asyncio.Runner() as runner:
        database = make_database(os.environ[TEMPLATE])
        yield runner.run(database.__aenter__())
        runner.run(database.__aexit__(None, None, None))


@pytest.fixture(scope="module")
def received(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Collector:
    """What came of an order with its job, its second attempt, and requests that nothing answers to."""
    port = find_port()
    url = f"http://127.0.0.1:{port}"
    with collector.run() as receiver:
        settings = {
            "DATABASE_URL": database_url,
            "SERVER_PORT": str(port),
            "TRACES_ENDPOINT": receiver.url,
            "TRACES_RATIO": "0",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=staging",
        }
        web, jobs = (tmp_path_factory.mktemp(name) for name in ("web", "jobs"))
        with start("serve", cwd=web, **settings) as process, start("worker", cwd=jobs, **settings):
            wait_until_live(process, url)
            with httpx2.Client(base_url=url, headers=make_headers() | SENT) as client:
                assert client.post("/v1/orders", json=NEW).status_code == 201
                assert client.post("/v1/orders", json=NEW, headers=FORGED).status_code == 409
                assert client.request("BREW", "/pot?of=tea").status_code == 404
                client.get("/v1/orders", headers={"traceparent": ""})
            receiver.wait_for("HTTP")
            receiver.wait_for("process orders.confirm")
    return receiver


def test_a_request_is_described(received: Collector):
    request, conflict = received.find("POST /v1/orders")
    port = request.attributes["server.port"]
    assert request.attributes == {
        "http.request.method": "POST",
        "http.response.status_code": 201,
        "http.route": "/v1/orders",
        "url.scheme": "http",
        "url.path": "/v1/orders",
        "server.address": "127.0.0.1",
        "server.port": port,
        "client.address": "127.0.0.1",
        "network.protocol.version": "1.1",
        "user_agent.original": "checks/1.0",
    }
    assert (request.kind, request.trace, request.parent, request.links) == ("server", TRACE, CALLER, [])
    where = {name: conflict.attributes[name] for name in ("url.scheme", "server.address", "server.port")}
    assert where == {"url.scheme": "http", "server.address": "shop.example", "server.port": 80}
    assert not conflict.is_error


def test_a_method_that_a_caller_invents_names_no_span(received: Collector):
    (span,) = received.find("HTTP")
    told = span.attributes
    assert (told["http.request.method"], told["http.request.method_original"]) == ("_OTHER", "BREW")
    assert "http.route" not in told
    assert "tea" not in str(told)


def test_a_statement_is_described_under_its_own_name(received: Collector, database_url: str):
    created, refused = received.find("orders.create_order")
    text = created.attributes.pop("db.query.text")
    where = describe_server(DatabaseOptions(url=SecretStr(database_url)))
    told = {"db.system.name": "postgresql", "db.query.summary": "orders.create_order", **where}
    assert "insert into orders" in text
    assert created.attributes == told
    assert refused.attributes["db.response.status_code"] == "23505"
    assert refused.attributes["error.type"] == "UniqueViolationError"
    assert refused.is_error
    assert {span.kind for span in (created, refused)} == {"client"}
    names = {span.name for span in received.spans if "db.system.name" in span.attributes}
    assert names >= {"BEGIN", "COMMIT", "INSERT kit.pgqueuer", "orders.read_order"}
    assert "WITH" not in names


def test_a_job_is_described_as_a_message_and_continues_the_request(received: Collector):
    request, _ = received.find("POST /v1/orders")
    (job,) = received.find("process orders.confirm")
    assert job.attributes.pop("messaging.message.id").isdigit()
    assert job.attributes == {
        "messaging.system": "pgqueuer",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "orders.confirm",
    }
    assert (job.kind, job.trace, job.parent, job.links) == ("consumer", TRACE, request.id, [request.id])


def test_each_process_says_what_it_is(received: Collector):
    found = find_distribution()
    processes = {span.process["service.instance.id"]: span.process for span in received.spans}
    assert len(processes) == 2
    for instance, process in processes.items():
        assert UUID(instance).version == 4
        assert (process["service.name"], process["service.version"]) == (found.name, found.version)
        assert process["deployment.environment.name"] == "staging"


def test_only_requests_that_a_caller_records_arrive(received: Collector):
    assert {span.trace for span in received.spans} == {TRACE}


def list_conventions() -> Iterator[object]:
    """Yield the names of attributes that OpenTelemetry's conventions have."""
    for package in ("opentelemetry.semconv.attributes", "opentelemetry.semconv._incubating.attributes"):
        for module in pkgutil.iter_modules(import_module(package).__path__, f"{package}."):
            yield from vars(import_module(module.name)).values()


def test_each_attribute_is_one_of_the_conventions(received: Collector):
    told = {name for span in received.spans for name in (*span.attributes, *span.process)}
    unknown = told - {name for name in list_conventions() if isinstance(name, str)}
    assert not unknown
    assert {span.schema for span in received.spans} == {traces.SCHEMA}


@pytest.mark.parametrize(
    ("url", "address", "port"),
    [
        ("postgresql://me:hidden@db.example/shop", "db.example", 5432),
        ("postgresql://me:hidden@db.example:6432/shop?sslmode=require", "db.example", 6432),
        ("postgresql://me:hidden@/shop?host=/run/postgresql", "/run/postgresql", None),
        ("postgresql:///shop", None, None),
    ],
)
def test_a_server_is_named_without_user_and_password(url: str, address: str | None, port: int | None):
    told = describe_server(DatabaseOptions(url=SecretStr(url)))
    assert (told.get("server.address"), told.get("server.port")) == (address, port)
    assert told["db.namespace"] == "shop"
    assert "hidden" not in str(told)
