"""Whatever is wrong with a body, the answer is a 4xx problem: never a 500, never a success."""

import asyncio
import json
import random
import sys
from collections.abc import AsyncGenerator, Generator, Iterator
from typing import NoReturn

import httpx2
import pytest
import pytest_asyncio
from inside import taking

from tests.kit.fixtures import open_client
from tests.kit.processes import ROOT, find_port, start, wait_until_live

JSON = {"content-type": "application/json"}
WHOLE = {
    "/struct": b'{"name": "oak", "leaves": [{"name": "a", "size": 2}], "share": 0.25, "note": ""}',
    "/loose": b'{"name": "oak", "more": {"b": [1, "\xc3\xa4"]}, "leaves": [{"name": "a"}], "z": -1e3}',
    "/list": b'[{"name": "oak", "note": null}, {"name": "elm", "leaves": [{"name": "a"}]}]',
    "/dict": b'{"a": 1, "b": {"c": [[], {}, "d"]}, "\xc3\xa4": false, "e": "\\u00e4\\ud83d\\ude00"}',
    "/union": b'{"type": "dog", "friends": [{"type": "cat", "lives": 9}, {"type": "dog", "more": [1]}]}',
    "/nothing": b'{"name": "oak", "share": 1e-3, "anything": [{}, [[], ""], true]}',
    "/json": b'{"a": [1, 2.5, {"b": "c"}], "d": "\\"", "e": null}',
}
"""A body that each route takes."""

NO_JSON = [
    *(b"NaN", b"Infinity", b"-Infinity", b"nan", b"[NaN]", b'{"a": [{"b": [-Infinity]}]}'),
    *(b"tru", b"True", b"None", b"'a'", b"01", b"1.", b".5", b"+1", b"-", b"1e", b"0x10", b"1_000"),
    *("²".encode(), b'"', b'"\\x"', b'"\\u12"', b'"\n"', b'"\t"', b'"a" "b"', b"/**/1"),
    *(b"[1,]", b"[,]", b"[1 2]", b'{"a"}', b'{"a": }', b'{"a": 1,}', b"{a: 1}", b"{1: 1}"),
    *(b"[}", b"{]", b"]", b"}", b"[" * 100, b'{"a":' * 100),
    *(b'"\xff"', b'"\xed\xa0\x80"', b'"\xc3"', b'"\xf5\x80\x80\x80"'),
    *(b'["\xc0\x80"]', b'{"\xfe": 1}'),
]
"""What is no value in JSON."""

REFUSED = [
    *(b'"\\ud800"', b'"\\ude00\\ud83d"', b'{"a": "\\udfff"}'),
    *(b'{"\\ud800": 1}', b'{"\\ud800": 1, "\\ud800": 2}'),
    *(b'{"a": 1, "a": 2}', b'{"a": {"b": 1, "b": 1}}', b'{"a": 1, "\\u0061": 2}'),
    *(b"1e400", b"-1e400", b"9" * 5000),
    *(b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
]
"""What is refused although its grammar is that of JSON."""

WRONG_KIND = [
    *(b"true", b"1", b'"a"', b"[1]", b'[{"a": []}]', b'{"name": 1}'),
    b'{"type": "cat", "lives": 10}',
]


def break_bytes(whole: bytes) -> Iterator[bytes]:
    """Yield what is no JSON: cut off anywhere, with wrong bytes, with too many, in another code."""
    for place in range(len(whole)):
        yield whole[:place]
        yield whole[:place] + b"\xff" + whole[place + 1 :]
    for more in (b" x", b"{}", b"\x00", b",", b"]", b"}", b'"', b"\xff", b"\xa0", whole):
        yield whole + more
        yield more + whole
    yield from (b" ", b"\n", b"\x00", b"\xef\xbb\xbf", b"\xef\xbb\xbf" + whole)
    for code in ("utf-16", "utf-16-le", "utf-32", "utf-32-be"):
        yield whole.decode().encode(code)


def put_in(whole: bytes, value: bytes) -> Iterator[bytes]:
    """Yield a body with a value in an unknown field, first and last, and in a known one."""
    opening, rest = (b"[{", whole[2:]) if whole.startswith(b"[") else (b"{", whole[1:])
    yield opening + b'"zz": ' + value + b", " + rest
    yield opening + b'"name": ' + value + b"}" + (b"]" if whole.startswith(b"[") else b"")
    closing = b"}]" if whole.startswith(b"[") else b"}"
    yield whole.removesuffix(closing) + b', "zz": ' + value + closing


def is_json(body: bytes) -> bool:
    def refuse(name: str) -> NoReturn:
        raise ValueError(name)

    try:
        json.loads(body.decode(), parse_constant=refuse)
    except ValueError:
        return False
    return True


def break_at_random(whole: bytes, count: int) -> Iterator[bytes]:
    """Yield bodies with some bytes changed, left out, or put in, which may still be JSON."""
    draw = random.Random(whole)
    marks = [mark.encode() for mark in '"{}[],:\\']
    for _ in range(count):
        body = whole
        for _ in range(draw.randint(1, 3)):
            place = draw.randrange(len(body))
            piece = draw.choice((b"", draw.randbytes(1), draw.choice(marks)))
            body = body[:place] + piece + body[place + draw.randint(0, 2) :]
        yield body


def break_whole(path: str) -> list[bytes]:
    """Return some hundred bodies that a route has to refuse."""
    whole = WHOLE[path]
    broken = [*break_bytes(whole), *NO_JSON]
    for value in NO_JSON if path == "/json" else [*NO_JSON, *REFUSED]:
        broken += put_in(whole, value)
    return broken + [body for body in break_at_random(whole, 300) if not is_json(body)]


@pytest_asyncio.fixture
async def client() -> AsyncGenerator[httpx2.AsyncClient]:
    async def pause(_: httpx2.Response) -> None:
        await asyncio.sleep(0)  # nothing else waits here: all requests would count as one block

    async with open_client(taking.create()) as client:
        client.event_hooks["response"] = [pause]
        yield client


def check_problem(response: httpx2.Response, body: bytes) -> None:
    """Assert that a response is a problem of the client, under the id of its request."""
    shown = f"{len(body)} bytes: {body[:100]!r}"
    assert 400 <= response.status_code < 500, f"{response.status_code} for {shown}"
    assert response.headers["content-type"] == "application/problem+json", shown
    problem = response.json()
    assert problem["status"] == response.status_code, shown
    assert problem["request_id"] == response.headers["x-request-id"], shown
    assert len(response.content) < 10_000, shown


@pytest.mark.parametrize("path", WHOLE)
async def test_a_broken_body_is_a_problem_of_the_client(client: httpx2.AsyncClient, path: str):
    assert (await client.post(path, content=WHOLE[path], headers=JSON)).status_code == 204
    broken = break_whole(path)
    assert len(broken) >= 300
    for body in broken:
        check_problem(await client.post(path, content=body, headers=JSON), body)


async def test_a_length_that_no_number_holds_is_too_large(client: httpx2.AsyncClient):
    headers = JSON | {"content-length": "9" * 5000}
    response = await client.post("/struct", content=WHOLE["/struct"], headers=headers)
    check_problem(response, WHOLE["/struct"])
    assert response.status_code == 413


@pytest.mark.parametrize("path", [path for path in WHOLE if path not in ("/json", "/dict")])
async def test_json_of_another_kind_is_refused(client: httpx2.AsyncClient, path: str):
    for body in WRONG_KIND:
        check_problem(await client.post(path, content=body, headers=JSON), body)


@pytest.mark.parametrize("path", WHOLE)
async def test_no_body_is_a_fault_of_the_service(client: httpx2.AsyncClient, path: str):
    for body in break_at_random(WHOLE[path], 300):
        response = await client.post(path, content=body, headers=JSON)
        if response.status_code != 204:
            check_problem(response, body)


FORM = {"content-type": "multipart/form-data; boundary=b"}
PARTS = (
    b'--b\r\ncontent-disposition: form-data; name="a"\r\n\r\nx\r\n'
    b'--b\r\ncontent-disposition: form-data; name="file"; filename="c.txt"\r\n'
    b"content-type: text/plain\r\n\r\ndata\r\n"
    b"--b--"
)


@pytest.mark.parametrize("path", ["/form", "/form/awaited"])
async def test_a_form_that_is_cut_off_is_refused(client: httpx2.AsyncClient, path: str):
    response = await client.post(path, content=PARTS + b"\r\n", headers=FORM)
    assert response.json() == ({"a": "x", "file": "a file"} if path == "/form" else 2)
    empty = await client.post(path, content=b"--b--\r\n", headers=FORM)
    assert empty.status_code == 201
    for length in range(len(PARTS)):
        check_problem(await client.post(path, content=PARTS[:length], headers=FORM), PARTS[:length])


ENDS = ["", "; boundary=", "; boundary=c", "; boundary=b; charset=undefined"]


@pytest.mark.parametrize("end", ENDS)
async def test_a_form_of_another_boundary_or_charset_is_refused(client: httpx2.AsyncClient, end: str):
    headers = {"content-type": f"multipart/form-data{end}"}
    check_problem(await client.post("/form", content=PARTS, headers=headers), PARTS)


FORMS = {
    "multipart/form-data; boundary=b": PARTS,
    "application/x-www-form-urlencoded": b"a=1&b=%C3%A4&c=+&d",
}


@pytest.mark.parametrize("media_type", FORMS)
async def test_no_form_is_a_fault_of_the_service(client: httpx2.AsyncClient, media_type: str):
    for body in break_at_random(FORMS[media_type], 300):
        response = await client.post("/form", content=body, headers={"content-type": media_type})
        if response.status_code != 201:
            check_problem(response, body)


HOSTILE = [
    *("²", "\u0661", "%C2%B2", "%ED%A0%80", "%FF", "%00", "%", "%zz", "+"),
    *("9" * 30, "9" * 1990, "1e999", "nan", "inf"),
]


async def test_no_query_string_is_a_fault_of_the_service(client: httpx2.AsyncClient):
    whole = b"number=1&share=0.5&name=%C3%A4&new=true"
    queries = [body.decode("latin-1") for body in break_at_random(whole, 300)]
    for name in ("number", "share", "name", "new"):
        queries += [f"{name}={value}" for value in HOSTILE]
    for query in (query for query in queries if query.isprintable() and "#" not in query):
        response = await client.get(f"/query?{query}")
        if response.status_code != 204:
            check_problem(response, query.encode())


async def test_no_path_is_a_fault_of_the_service(client: httpx2.AsyncClient):
    for path in (f"/{place}/{value}" for place in ("numbers", "names") for value in HOSTILE):
        response = await client.get(path)
        if response.status_code != 204:
            check_problem(response, path.encode())


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Generator[int]:
    """Where inside/taking.py is served."""
    folder, port = tmp_path_factory.mktemp("taking"), find_port()
    command = [sys.executable, "-m", "inside.taking", str(port)]
    with start(cwd=folder, command=command, PYTHONPATH=str(ROOT)) as process:
        wait_until_live(process, f"http://127.0.0.1:{port}")
        yield port


HEADERS = [
    *("content-length: ²", "content-length: -1", "content-length: 1e3", f"content-length: {'9' * 5000}"),
    *("content-type: ²", "content-type: application/json; charset=²", "content-encoding: ²"),
    *("accept: text/csv;q=²", "accept-encoding: gzip;q=²", "range: bytes=²-", "expect: ²"),
    *("if-match: ²", "if-none-match: ²", "idempotency-key: ²", "last-event-id: ²"),
    *("traceparent: 00-²-²-01", "x-forwarded-for: ²", "transfer-encoding: ²"),
]


@pytest.mark.faults
@pytest.mark.parametrize("headers", HEADERS)
async def test_no_header_is_a_fault_of_a_real_server(port: int, headers: str):
    body = WHOLE["/struct"]
    given = [headers.encode("latin-1")]
    if not headers.startswith(("content-length", "transfer-encoding")):
        given.append(b"content-length: %d" % len(body))
    if not headers.startswith("content-type"):
        given.append(b"content-type: application/json")
    status = await ask(port, b"/struct", given, body)
    assert status in (0, 204) or 400 <= status < 500, "0: the connection was closed"


@pytest.mark.faults
@pytest.mark.parametrize("path", WHOLE)
async def test_a_broken_body_is_a_4xx_of_a_real_server(port: int, path: str):
    for body in [*break_whole(path)[::40], b"[" * 900_000, b'{"a":' * 180_000]:
        given = [b"content-length: %d" % len(body), b"content-type: application/json"]
        assert 400 <= await ask(port, path.encode(), given, body) < 500, body[:100]


async def ask(port: int, path: bytes, headers: list[bytes], body: bytes) -> int:
    """Return the status of the answer to bytes as they are."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = [b"POST " + path + b" HTTP/1.1", b"host: service.test", b"connection: close", *headers]
    writer.write(b"\r\n".join([*head, b"", body]))
    async with asyncio.timeout(20):
        answer = await reader.read()
    writer.close()
    return int(answer.split()[1]) if answer else 0
