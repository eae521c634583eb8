import asyncio

import httpx2
import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from service.kit.db.database import Database
from service.kit.db.sessions import DatabaseOptions
from service.kit.edge.edge import Edge
from service.kit.edge.options import EdgeOptions
from service.kit.work import asgi, metrics, responses
from service.kit.work.metrics import Metrics
from service.kit.work.problems import Problem


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> CollectorRegistry:
    monkeypatch.delenv(metrics.MULTIPROC_DIR, raising=False)
    made = CollectorRegistry()
    own = Metrics(made)
    monkeypatch.setattr(metrics, "get_metrics", lambda: own)
    return made


def test_a_request_is_counted_by_its_route_and_its_time_by_its_layers(registry: CollectorRegistry):
    metrics.count_requests("GET", "/v1/orders/{id}", 200, [0.5, 0.25])
    metrics.get_metrics().layer_seconds.labels("pool").observe_all([0.1, 0.2])
    route = {"method": "GET", "route": "/v1/orders/{id}"}
    assert registry.get_sample_value("http_requests_total", {**route, "status": "200"}) == 2
    assert registry.get_sample_value("http_request_duration_seconds_sum", route) == 0.75
    assert registry.get_sample_value("http_layer_duration_seconds_sum", {"layer": "pool"}) == pytest.approx(0.3)


def test_many_times_are_counted_as_each_of_them_would_be(registry: CollectorRegistry):
    times = [0, 0.0005, 0.001, 0.0010001, 0.3, 10, 11, 3600]
    metrics.get_metrics().layer_seconds.labels("many").observe_all(times)
    for seconds in times:
        metrics.get_metrics().layer_seconds.labels("each").observe(seconds)
    many, each = (
        {
            (sample.name, sample.labels.get("le")): sample.value
            for sample in next(iter(metrics.get_metrics().layer_seconds.collect())).samples
            if sample.labels["layer"] == layer and not sample.name.endswith("_created")
        }
        for layer in ("many", "each")
    )
    assert many == each


def test_a_caller_cannot_make_new_series_with_made_up_methods(registry: CollectorRegistry):
    for number in range(50):
        metrics.count_requests(f"BREW{number}", "unmatched", 405, [0.1])
    made_up = {"method": "other", "route": "unmatched", "status": "405"}
    assert registry.get_sample_value("http_requests_total", made_up) == 50
    series = [sample for metric in registry.collect() for sample in metric.samples if "method" in sample.labels]
    assert {sample.labels["method"] for sample in series} == {"other"}


def test_a_refusal_is_counted_by_its_reason(registry: CollectorRegistry):
    metrics.count_refusal("pool")
    metrics.count_refusal("pool")
    assert registry.get_sample_value("http_requests_refused_total", {"reason": "pool"}) == 2


def test_a_watched_gauge_is_read_at_the_scrape(registry: CollectorRegistry):
    lent = [1, 2, 3]
    metrics.watch_gauge(metrics.get_metrics().pool_in_use.labels("primary"), lambda: len(lent))
    lent.pop()
    assert registry.get_sample_value("db_pool_connections_in_use", {"pool": "primary"}) == 2


async def test_the_edge_counts_answers_and_refusals(registry: CollectorRegistry):
    async def rest(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        scope["path_template"] = "/rest"
        await asyncio.sleep(0.05)
        await responses.respond(send, 200, b"", b"text/plain")

    edge = Edge(rest, EdgeOptions(concurrency=1))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(edge), base_url="http://service.test") as client:
        await asyncio.gather(client.get("/rest"), client.get("/rest"))
    edge.access_log.flush()
    edge.refusals.flush()
    answered = {"method": "GET", "route": "/rest", "status": "200"}
    assert registry.get_sample_value("http_requests_total", answered) == 1
    assert registry.get_sample_value("http_requests_refused_total", {"reason": "admission"}) == 1


async def test_a_pool_shows_connections_in_use_and_refusals(registry: CollectorRegistry, database_url: str):
    options = DatabaseOptions(url=SecretStr(database_url), pool_size=1, acquire_timeout=0.5)
    async with Database(options) as db, db.connection():
        with pytest.raises(Problem):
            await db.connection().__aenter__()
        assert registry.get_sample_value("db_pool_connections_in_use", {"pool": "primary"}) == 1
    assert registry.get_sample_value("http_requests_refused_total", {"reason": "pool"}) == 1
    assert registry.get_sample_value("db_pool_connections_in_use", {"pool": "replica"}) is None


def test_names_and_units_are_those_of_prometheus(registry: CollectorRegistry):
    for metric in registry.collect():
        assert metric.type != "counter" or not metric.name.endswith("_total")  # it is added to the samples
        assert metric.type != "histogram" or metric.name.endswith("_seconds")
        assert metric.documentation
