"""CLIENT_OVERRIDES sends calls elsewhere, and a test answers them there in the place of other services."""

import tomllib
from collections.abc import AsyncGenerator
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from inside import peers
from pydantic import ValidationError
from service.kit import web
from service.kit.calls import ClientOptions, make_client
from service.kit.edge.edge import Edge
from service.kit.server.settings import KitSettings, SettingsError, read_settings
from service.kit.web.routes import PUBLIC, Routes, Slice

from tests.kit import calls as other_services
from tests.kit.calls import Calls, answer_calls, redirect_calls
from tests.kit.fixtures import open_client
from tests.kit.fuzz import Fuzz

RATES = "https://rates.example.com"


class Settings(KitSettings):
    client: ClientOptions = ClientOptions(timeout=20)


class Rates:
    """A class of a team's around the client."""

    problem_statuses = (502, 503)


class Seen:
    """What a provider makes with the client."""


def see_rates(client: httpx2.AsyncClient) -> Seen:
    return Seen()


def build(client: httpx2.AsyncClient, *provide: object, docs: bool = False) -> Edge:
    """Return a service whose route asks another service."""
    routes = Routes("/", access=PUBLIC)

    @routes.get("/rate")
    async def read_rate(client: httpx2.AsyncClient) -> Any:
        return (await client.get(f"{RATES}/v1/EUR?at=noon")).json()

    @routes.get("/rates")
    async def read_rates(rates: Rates) -> None: ...

    @routes.get("/seen")
    async def read_seen(seen: Seen) -> None: ...

    @routes.get("/own")
    async def read_own() -> None: ...

    provided = [client, see_rates, *provide]
    return Edge(web.build([Slice(routes)], provide=provided, resources=[client], docs=docs))


@pytest.fixture(autouse=True)
def has_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(other_services, "Settings", Settings)


@pytest_asyncio.fixture
async def caller(
    database_url: str, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[httpx2.AsyncClient]:
    """A client of a service whose calls the test answers."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    async with open_client(build(make_client(read_settings(Settings).client), Rates())) as caller:
        yield caller


async def test_a_call_goes_where_its_host_is_overridden_to_and_is_otherwise_as_it_was():
    async with peers.run(peers.answer()) as one, peers.run(peers.answer()) as rest:
        overrides = f"rates.example.com={one.url}, b.test:81={rest.url},*={rest.url}"
        async with make_client(ClientOptions(overrides=overrides)) as client:
            for url in (f"{RATES}/v1/EUR?a=b", "http://b.test:81/", "http://rates.example.com:82/"):
                assert (await client.get(url)).status_code == 200
    assert [request.partition(b"\r\n")[0] for request in one.requests] == [b"GET /v1/EUR?a=b HTTP/1.1"]
    assert b"host: rates.example.com\r\n" in one.requests[0].lower()
    assert len(rest.requests) == 2


@pytest.mark.parametrize(
    "wrong", ["rates.example.com", "=http://a.test", "*=a.test", "*=http://", "*=ftp://a.test", "*=http://a.test/v1"]
)
def test_an_override_that_leads_nowhere_is_refused_and_says_how_it_is_written(wrong: str):
    with pytest.raises(ValidationError, match=r"write host=http://address:port, with \* for all other hosts"):
        ClientOptions(overrides=wrong)


def test_the_service_does_not_start_with_a_wrong_override(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://nowhere/none")
    monkeypatch.setenv("CLIENT_OVERRIDES", "rates.example.com")
    with pytest.raises(SettingsError, match="CLIENT_OVERRIDES"):
        read_settings(Settings)


async def test_a_test_answers_in_the_place_of_another_service(caller: httpx2.AsyncClient, calls: Calls):
    calls.answer(f"{RATES}/v1/EUR", json={"rate": 1.08}, headers={"x-own": "a"})
    assert (await caller.get("/rate")).json() == {"rate": 1.08}
    (call,) = calls.received
    assert (call.method, call.url, call.body) == ("GET", "rates.example.com/v1/EUR?at=noon", b"")


async def test_answers_come_in_turn_and_the_last_one_stays(caller: httpx2.AsyncClient, calls: Calls):
    calls.answer(f"{RATES}/*", status=503, headers={"retry-after": "0"})
    calls.answer(f"{RATES}/*", json=1)
    calls.answer(f"{RATES}/*", json=2)
    told = [(await caller.get("/rate")).json() for _ in range(3)]
    assert (told, len(calls.received)) == ([1, 2, 2], 4)


async def test_a_query_string_counts_where_the_answer_names_one(caller: httpx2.AsyncClient, calls: Calls):
    calls.answer(f"{RATES}/v1/EUR?at=night", json=1)
    calls.answer(f"{RATES}/v1/EUR?at=noon", json=2)
    assert (await caller.get("/rate")).json() == 2


async def test_a_late_answer_can_be_staged(calls: Calls, database_url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATABASE_URL", database_url)
    options = read_settings(Settings).client.model_copy(update={"timeout": 0.3})
    calls.answer(f"{RATES}/v1/EUR", json=1, delay=60)
    async with open_client(build(make_client(options), Rates())) as caller:
        late = await caller.get("/rate")
    assert (late.status_code, late.json()["type"]) == (504, "urn:problem:peer-late")


async def test_no_answer_at_all_can_be_staged(caller: httpx2.AsyncClient, calls: Calls):
    calls.fail(f"{RATES}/v1/EUR")
    failed = await caller.get("/rate")
    assert (failed.status_code, failed.json()["type"]) == (502, "urn:problem:peer-failed")


async def test_a_body_reaches_the_one_who_answers_also_in_pieces(calls: Calls, database_url: str):
    async def read() -> AsyncGenerator[bytes]:
        yield b'{"a":'
        yield b"1}"

    calls.answer(f"{RATES}/*", content=b"taken")
    async with make_client(ClientOptions(overrides=calls.environment["CLIENT_OVERRIDES"])) as client:
        assert (await client.post(f"{RATES}/whole", json={"a": 1})).text == "taken"
        assert (await client.put(f"{RATES}/pieces", content=read())).text == "taken"
        assert (await client.head(f"{RATES}/none")).headers["content-length"] == "5"
    assert [call.json() for call in calls.received[:2]] == [{"a": 1}, {"a": 1}]


async def test_a_call_that_nothing_answers_fails_the_test_and_says_what_to_write():
    answering = answer_calls()
    calls = answering.__enter__()
    async with make_client(ClientOptions(overrides=calls.environment["CLIENT_OVERRIDES"])) as client:
        with pytest.raises(httpx2.TransportError):
            await client.get(f"{RATES}/v1")
    with pytest.raises(
        AssertionError, match=r"nothing answers GET rates\.example\.com/v1: give the test `calls\.answer"
    ):
        answering.__exit__(None, None, None)


def test_without_a_client_in_the_settings_there_are_no_calls_to_answer(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(other_services, "Settings", KitSettings)
    assert redirect_calls("http://127.0.0.1:1") == {}
    with pytest.raises(AssertionError, match="add `client: ClientOptions"), answer_calls():
        pass


async def read_description() -> dict[str, Any]:
    async with open_client(build(make_client(), Rates(), docs=True)) as caller:
        return (await caller.get("/openapi.json")).json()


async def test_a_route_that_is_given_a_client_declares_how_its_calls_fail():
    paths = (await read_description())["paths"]
    statuses = {path: [it for it in paths[path]["get"]["responses"] if it > "499"] for path in paths}
    of_client = ["502", "504", "default"]
    of_rates = ["502", "503", "default"]
    assert statuses == {"/rate": of_client, "/rates": of_rates, "/seen": of_client, "/own": ["default"]}
    responses = paths["/rate"]["get"]["responses"]
    assert responses["502"]["content"] == responses["default"]["content"]


async def test_the_fuzz_test_takes_what_is_declared_and_leaves_out_what_it_is_told():
    fuzz = Fuzz(leave_out=["GET /own"])
    told = tomllib.loads(fuzz.configure(await read_description()))["operations"]
    of_client, of_rates = (
        {"not_a_server_error": {"expected-statuses": ["2xx", "3xx", "4xx", *statuses]}}
        for statuses in (("502", "504"), ("502", "503"))
    )
    assert sorted(told, key=lambda it: it["include-name"]) == [
        {"include-name": "GET /own", "enabled": False},
        {"include-name": "GET /rate", "checks": of_client},
        {"include-name": "GET /rates", "checks": of_rates},
        {"include-name": "GET /seen", "checks": of_client},
    ]
    with pytest.raises(AssertionError, match=r"does not have: \['GET /owns'\]"):
        Fuzz(leave_out=["GET /owns"]).configure(await read_description())


def test_while_nothing_answers_the_fuzz_test_lets_calls_fail_at_once():
    assert Fuzz().make_environment() == {"CLIENT_OVERRIDES": "*=http://127.0.0.1:1", "CLIENT_RETRIES": "0"}
    assert Fuzz(environment={"CLIENT_RETRIES": "1"}).make_environment()["CLIENT_RETRIES"] == "1"
