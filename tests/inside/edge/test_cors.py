"""What pages of other origins may do: the headers by which browsers decide."""

import asyncio
from collections.abc import AsyncGenerator

import httpx2
import pytest
from inside.edge.test_edge import send
from pydantic import ValidationError
from service.kit.edge.edge import Edge
from service.kit.edge.events import Event, EventStream
from service.kit.edge.options import EdgeOptions
from service.kit.web import PUBLIC, Rate, Routes, Slice
from service.kit.web import app as web
from starlette.responses import Response
from structlog.testing import capture_logs

PAGE = "https://app.example.com"
FOREIGN = "https://evil.example.com"
ALLOWED = "access-control-allow-origin"
JSON = {"content_type": "application/json"}
CREDENTIALS = "access-control-allow-credentials"

routes = Routes("/", access=PUBLIC)


@routes.get("/text")
async def read_text() -> str:
    return "x" * 2000


@routes.get("/kept")
async def read_kept() -> Response:
    return Response("kept", media_type="text/plain", headers={"vary": "Cookie", "cache-control": "max-age=60"})


@routes.get("/once", limit=Rate(1, 60))
async def read_once() -> str:
    return "once"


@routes.post("/bug")
async def fail(numbers: dict[str, int]) -> None:
    raise RuntimeError(f"planted: {numbers}")


@routes.get("/slow")
async def wait() -> None:
    await asyncio.Event().wait()


@routes.get("/events")
async def send_events() -> EventStream[int]:
    async def make() -> AsyncGenerator[Event[int]]:
        yield Event(1)

    return EventStream(make())


def build(origins: str = f"{PAGE}, http://localhost:5173", **options: object) -> Edge:
    return Edge(web.build([Slice(routes)]), EdgeOptions.model_validate({"origins": origins, **options}))


def ask(method: str, path: str, origin: str | None, body: bytes | None = None, **fields: str) -> httpx2.Request:
    headers = {name.replace("_", "-"): value for name, value in fields.items()}
    headers |= {"origin": origin} if origin else {}
    return httpx2.Request(method, f"http://service.test{path}", headers=headers, content=body)


def ask_before(path: str, origin: str, method: str = "POST") -> httpx2.Request:
    """Return a preflight."""
    wanted = {"access_control_request_method": method, "access_control_request_headers": "authorization"}
    return ask("OPTIONS", path, origin, **wanted)


def list_permissions(response: httpx2.Response) -> list[str]:
    return [name for name in response.headers if name.startswith("access-control-")]


@pytest.mark.parametrize(
    ("request_", "status", "options"),
    [
        (ask("GET", "/text", PAGE), 200, {}),
        (ask("GET", "/text", PAGE, if_none_match="*"), 304, {}),
        (ask("HEAD", "/text", PAGE), 200, {}),
        (ask("GET", "/events", PAGE), 200, {}),
        (ask("GET", "/livez", PAGE), 200, {}),
        (ask("GET", "/nothing", PAGE), 404, {}),
        (ask("PATCH", "/text", PAGE), 405, {}),
        (ask("GET", "/text", PAGE), 400, {"hosts": "api.example.com"}),
        (ask("POST", "/bug", PAGE, b'{"a": 1}', **JSON), 500, {}),
        (ask("POST", "/bug", PAGE, b'{"a": "b"}', **JSON), 422, {}),
        (ask("POST", "/bug", PAGE, b"x" * 11), 413, {"body_bytes": 10}),
        (ask("GET", "/slow", PAGE), 504, {"request_timeout": 0.05}),
        (ask("GET", "/events", PAGE), 503, {"streams": 1}),
    ],
)
async def test_a_page_may_read_every_response(request_: httpx2.Request, status: int, options: dict[str, object]):
    edge = build(**options)
    edge.streams.running = status == 503
    response = await send(request_, edge)
    assert response.status_code == status
    assert response.headers[ALLOWED] == PAGE
    exposed = response.headers["access-control-expose-headers"].split(", ")
    assert set(exposed) >= {"link", "etag", "retry-after", "x-request-id", "location"}
    assert "origin" in response.headers["vary"].split(", ")
    request_.headers["origin"] = FOREIGN
    refused = await send(request_, edge)
    assert refused.status_code == status
    assert list_permissions(refused) == []
    assert "origin" in refused.headers["vary"].split(", ")


async def test_a_page_may_read_that_it_is_refused_by_a_rate_or_under_overload():
    edge = build()
    first, second = [await send(ask("GET", "/once", PAGE), edge) for _ in range(2)]
    edge.admission.running = edge.admission.limit
    third = await send(ask("GET", "/text", PAGE), edge)
    foreign = await send(ask("GET", "/text", FOREIGN), edge)
    assert [it.status_code for it in (first, second, third, foreign)] == [200, 429, 503, 503]
    assert [it.headers[ALLOWED] for it in (first, second, third)] == [PAGE] * 3
    assert (third.headers["vary"], foreign.headers["vary"]) == ("origin", "origin")
    assert list_permissions(foreign) == []


@pytest.mark.parametrize("origin", [PAGE, FOREIGN, None])
async def test_a_cache_never_takes_the_response_to_one_origin_for_that_to_another(origin: str | None):
    fields = {"accept_encoding": "zstd"}
    compressed = await send(ask("GET", "/text", origin, **fields), build())
    assert compressed.headers["content-encoding"] == "zstd"
    assert compressed.headers["vary"] == "accept-encoding, origin"
    kept = await send(ask("GET", "/kept", origin, **fields), build())
    assert kept.headers["vary"].lower() == "cookie, accept-encoding, origin"
    assert len(kept.headers.get_list("vary")) == 1


async def test_any_origin_gets_the_same_response_which_need_not_vary():
    for origin in (PAGE, FOREIGN, None):
        response = await send(ask("GET", "/text", origin), build("*"))
        assert response.headers[ALLOWED] == "*"
        assert response.headers["vary"] == "accept-encoding"
    assert (await send(ask_before("/text", FOREIGN), build("*"))).headers[ALLOWED] == "*"


async def test_a_preflight_is_answered_without_a_token_a_slot_or_a_route():
    edge = build(cors_headers="X-Tenant", cors_methods="GET, PUT", cors_max_age=60)
    edge.admission.running = edge.admission.limit
    with capture_logs() as lines:
        response = await send(ask_before("/nothing/there", PAGE), edge)
        edge.access_log.flush()
    assert (response.status_code, response.content) == (204, b"")
    assert response.headers[ALLOWED] == PAGE
    assert response.headers["access-control-allow-methods"] == "GET, PUT"
    names = response.headers["access-control-allow-headers"].split(", ")
    assert set(names) >= {"authorization", "content-type", "idempotency-key", "last-event-id", "X-Tenant"}
    assert response.headers["access-control-max-age"] == "60"
    assert response.headers["vary"] == "origin"
    assert [(line["route"], line["status"]) for line in lines] == [("preflight", 204)]


async def test_a_preflight_of_another_origin_is_refused_with_what_to_do():
    response = await send(ask_before("/text", FOREIGN), build())
    assert (response.status_code, response.json()["type"]) == (403, "urn:problem:origin-refused")
    assert "EDGE_ORIGINS" in response.json()["detail"]
    assert list_permissions(response) == []


async def test_options_that_is_no_preflight_goes_to_its_route():
    response = await send(ask("OPTIONS", "/text", PAGE), build())
    assert response.headers["allow"] == "GET, OPTIONS"
    assert response.headers[ALLOWED] == PAGE


async def test_without_origins_no_page_gets_a_permission():
    for request in (ask("GET", "/text", PAGE), ask_before("/text", PAGE)):
        response = await send(request, build(""))
        assert list_permissions(response) == []
        assert "origin" not in response.headers.get("vary", "")


async def test_cookies_are_permitted_only_where_it_is_said():
    assert CREDENTIALS not in (await send(ask("GET", "/text", PAGE), build())).headers
    edge = build(cors_credentials=True, cors_exposed="X-Total")
    response = await send(ask("GET", "/text", PAGE), edge)
    assert response.headers[CREDENTIALS] == "true"
    assert response.headers["access-control-expose-headers"].endswith(", X-Total")
    assert (await send(ask_before("/text", PAGE), edge)).headers[CREDENTIALS] == "true"
    with pytest.raises(ValidationError, match="every page could act as the user who visits it"):
        build("*", cors_credentials=True)


@pytest.mark.parametrize(
    ("given", "understood"),
    [
        ("https://App.Example.com/", PAGE),
        ("https://app.example.com:443", PAGE),
        (" http://localhost:5173 ,, http://[::1]:80,", "http://localhost:5173,http://[::1]"),
        ("http://a.test:443, https://a.test:80", "http://a.test:443,https://a.test:80"),
        ("capacitor://localhost", "capacitor://localhost"),
        (" * ", "*"),
    ],
)
def test_origins_are_spelt_as_browsers_do(given: str, understood: str):
    assert EdgeOptions(origins=given).origins == understood


@pytest.mark.parametrize(
    "given", ["app.example.com", "https://a.test/path", "null", "*, https://a.test", "https://*.a.test", "https://ä.de"]
)
def test_what_no_browser_sends_is_no_origin_and_the_message_shows_one(given: str):
    with pytest.raises(ValidationError, match=r"is not an origin; write each like https://app\.example\.com"):
        EdgeOptions(origins=given)


@pytest.mark.parametrize("given", ["*", "a b", "a,,b", "a\nb", "a:b"])
def test_what_is_no_header_is_not_listed(given: str):
    with pytest.raises(ValidationError, match="cors_headers"):
        EdgeOptions(cors_headers=given)
