"""Forms become structs: text as the types of its fields, files as uploads, and whatever is wrong is a 4xx."""

import asyncio
import random
from collections.abc import AsyncGenerator
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from inside import uploading
from msgspec import Struct
from service.kit import web
from service.kit.edge.edge import Edge
from service.kit.edge.events import Event, EventStream
from service.kit.edge.options import EdgeOptions
from service.kit.offload.offload import Offload
from service.kit.web import PUBLIC, Form, Parts, Routes, Slice, Upload

from tests.kit.fixtures import open_client

PICTURE = ("cat.png", b"\x89PNG" + bytes(100_000), "image/png")
MULTIPART = {"content-type": "multipart/form-data; boundary=b"}


@pytest_asyncio.fixture
async def client() -> AsyncGenerator[httpx2.AsyncClient]:
    async def pause(_: httpx2.Response) -> None:
        await asyncio.sleep(0)

    edge = uploading.build(EdgeOptions(log=False, upload_files=3, upload_disk=1_000_000, body_bytes=50_000))
    async with open_client(edge) as client:
        client.event_hooks["response"] = [pause]
        yield client
    assert (edge.uploads.running, edge.uploads.disk_bytes, edge.admission.running) == (0, 0, 0)


def encode(*parts: tuple[str, bytes]) -> bytes:
    """Return a form of parts, each with what follows `form-data; ` and its bytes."""
    encoded = [
        b"--b\r\ncontent-disposition: form-data; %b\r\n\r\n%b\r\n" % (head.encode(), body) for head, body in parts
    ]
    return b"".join([*encoded, b"--b--\r\n"])


def explain(response: httpx2.Response) -> dict[str, str]:
    """Return what is wrong with each field."""
    assert response.status_code == 422, response.text
    return {error["field"]: error["detail"] for error in response.json()["errors"]}


async def test_a_form_is_a_struct_with_its_files(client: httpx2.AsyncClient):
    others = [("others", ("a.txt", b"a")), ("others", ("b.txt", b"bb"))]
    files = [("picture", PICTURE), *others]
    response = await client.post("/pictures", data={"title": "Käthe", "width": "5"}, files=files)
    seen = response.json()
    assert response.status_code == 201
    assert (seen["title"], seen["size"], seen["others"]) == ("Käthe", len(PICTURE[1]), [1, 2])
    assert (seen["filename"], seen["content_type"]) == ("cat.png", "image/png")


async def test_inputs_that_a_browser_leaves_empty_are_left_out(client: httpx2.AsyncClient):
    title, picture = ('name="title"', b"x"), ('name="picture"; filename="a"', b"data")
    empty = [(f'name="{name}"; filename=""', b"") for name in ("second", "others")]
    body = encode(title, picture, ('name="width"', b""), *empty)
    response = await client.post("/pictures", content=body, headers=MULTIPART)
    assert response.json()["others"] == []
    body = encode(('name="title"', b""), ('name="picture"; filename=""', b""))
    assert explain(await client.post("/pictures", content=body, headers=MULTIPART)) == {
        "title": "it is required",
        "picture": "it is required",
    }


async def test_all_that_is_wrong_with_a_form_is_named(client: httpx2.AsyncClient):
    data = {"title": "x" * 21, "width": "wide", "public": "yes", "picture": "no file"}
    files = [("second", PICTURE), ("second", PICTURE)]
    assert explain(await client.post("/pictures", data=data, files=files)) == {
        "title": "Expected `str` of length <= 20",
        "width": "Expected `int | null`, got `str`",
        "public": "Expected `bool`, got `str`",
        "picture": "it must be a file",
        "second": "it is given twice",
    }


async def test_what_is_no_field_is_skipped_unless_the_struct_forbids_it(client: httpx2.AsyncClient):
    files = {"picture": PICTURE, "more": PICTURE, "title": PICTURE}
    assert explain(await client.post("/pictures", files=files))["title"] == "it must be text, not a file"
    response = await client.post("/loose", data={"text": "a", "token": "b", "note": "", "count": ""})
    assert response.json() == {"text": "a", "note": "", "count": None}
    assert explain(await client.post("/comments", data={"text": "a", "b": "c"})) == {"b": "there is no such field"}


async def test_a_form_without_files_has_either_media_type(client: httpx2.AsyncClient):
    fields = {"text": "a&b=ä", "stars": "4"}
    url_encoded = await client.post("/comments", data=fields)
    multipart = await client.post("/comments", files={name: (None, text) for name, text in fields.items()})
    assert url_encoded.json() == multipart.json() == {"text": "a&b=ä", "stars": 4}
    assert explain(await client.post("/comments", data={"stars": "6"})) == {
        "stars": "Expected `int` <= 5",
        "text": "it is required",
    }


async def test_a_url_encoded_form_has_so_many_fields(client: httpx2.AsyncClient):
    """Else a megabyte of `%41&` would hold up the event loop for most of a second."""
    headers = {"content-type": "application/x-www-form-urlencoded"}
    response = await client.post("/loose", content=b"text=a" + b"&b" * 999, headers=headers)
    assert response.json()["text"] == "a"
    response = await client.post("/loose", content=b"text=a" + b"&b" * 1000, headers=headers)
    assert response.status_code == 413
    assert response.json()["detail"] == "A form has at most 1,000 fields and files."


@pytest.mark.parametrize("media_type", ["application/json", "application/x-www-form-urlencoded", "text/plain", ""])
async def test_a_file_in_another_media_type_is_415(client: httpx2.AsyncClient, media_type: str):
    for path in ("/pictures", "/parts"):
        response = await client.post(path, content=b"a=b", headers={"content-type": media_type})
        assert response.status_code == 415, response.text
        assert "multipart/form-data" in response.json()["detail"]


FILENAMES = {
    "../../etc/passwd": "passwd",
    "C:\\\\Users\\\\me\\\\cat.png": "cat.png",
    "/": "",
    "..": "",
    ".htaccess": "htaccess",
    "a\tb\u202egpj.exe": "abgpj.exe",
    "x" * 1000: "x" * 200,
    "ä ö.txt": "ä ö.txt",
}


@pytest.mark.parametrize("given", FILENAMES)
async def test_a_filename_is_no_path(client: httpx2.AsyncClient, given: str):
    body = encode(('name="title"', b"x"), (f'name="picture"; filename="{given}"', b"data"))
    response = await client.post("/pictures", content=body, headers=MULTIPART)
    assert response.json()["filename"] == FILENAMES[given]


async def test_a_content_type_is_one_or_that_of_any_bytes(client: httpx2.AsyncClient):
    for given, expected in (("Text/HTML; charset=x", "text/html"), ("a\x0bb", "application/octet-stream")):
        body = encode(('name="title"', b"x"), (f'name="picture"; filename=a\r\ncontent-type: {given}', b"data"))
        response = await client.post("/pictures", content=body, headers=MULTIPART)
        assert response.json()["content_type"] == expected


WHOLE = encode(('name="title"', b"x"), ('name="picture"; filename="a"', b"data"), ('name="width"', b"1"))


@pytest.mark.parametrize("path", ["/pictures", "/parts"])
async def test_a_form_that_is_cut_off_is_a_400(client: httpx2.AsyncClient, path: str):
    end = WHOLE.removesuffix(b"\r\n")
    assert (await client.post(path, content=WHOLE + b"epilogue", headers=MULTIPART)).status_code == 201
    for length in range(len(end)):
        response = await client.post(path, content=end[:length], headers=MULTIPART)
        assert response.status_code == 400, end[:length]


@pytest.mark.parametrize("path", ["/pictures", "/parts", "/comments"])
async def test_no_form_is_a_fault_of_the_service(client: httpx2.AsyncClient, path: str):
    draw = random.Random(path)
    for _ in range(300):
        body = WHOLE
        for _ in range(draw.randint(1, 3)):
            place = draw.randrange(len(body))
            body = body[:place] + draw.randbytes(draw.randint(0, 2)) + body[place + draw.randint(0, 2) :]
        response = await client.post(path, content=body, headers=MULTIPART)
        assert response.status_code < 500, body


@pytest.mark.parametrize("boundary", ["", "; boundary=", f"; boundary={'b' * 71}", "; boundary=c"])
async def test_a_form_without_its_boundary_is_a_400(client: httpx2.AsyncClient, boundary: str):
    headers = {"content-type": f"multipart/form-data{boundary}"}
    assert (await client.post("/parts", content=WHOLE, headers=headers)).status_code == 400


LARGE: dict[str, tuple[bytes, int]] = {
    "of a size": (encode(('name="picture"; filename=a', bytes(10_000_000))), 413),
    "of many parts": (encode(*[('name="a"', b"")] * 1001), 413),
    "of many files": (encode(*[('name="others"; filename=a', b"")] * 4), 413),
    "of long text": (encode(('name="title"', bytes(50_001))), 413),
    "of long texts": (encode(*[('name="title"', bytes(30_000))] * 2), 413),
    "of many headers": (encode(('name="a"' + "\r\na: b" * 9, b"")), 400),
    "of a long header": (encode((f'name="{"a" * 5000}"', b"")), 400),
    "too large for the disk": (encode(('name="picture"; filename=a', bytes(1_000_001))), 503),
}


@pytest.mark.parametrize("kind", LARGE)
async def test_a_form_is_bounded(client: httpx2.AsyncClient, kind: str):
    body, status = LARGE[kind]
    response = await client.post("/pictures", content=body, headers=MULTIPART)
    assert response.status_code == status, response.text


async def test_parts_come_as_they_are_sent_and_can_be_skipped(client: httpx2.AsyncClient):
    body = encode(('name="a"', b"1"), ('name="skipped"; filename=b', bytes(1000)), ('name="c"; filename=d', bytes(9)))
    response = await client.post("/parts", content=body, headers=MULTIPART)
    assert response.json() == {"a": 1, "skipped": 0, "c": 9}


async def test_a_slash_at_the_end_makes_no_difference(client: httpx2.AsyncClient):
    response = await client.post("/pictures/", data={"title": "x"}, files={"picture": ("a", bytes(60_000))})
    assert response.json()["size"] == 60_000


async def test_forms_are_described(client: httpx2.AsyncClient):
    description = (await client.get("/openapi.json")).json()
    content = description["paths"]["/pictures"]["post"]["requestBody"]["content"]
    assert content == {"multipart/form-data": {"schema": {"$ref": "#/components/schemas/Picture"}}}
    file = {"type": "string", "format": "binary"}
    properties = description["components"]["schemas"]["Picture"]["properties"]
    assert properties["picture"] == file
    assert properties["others"] == {"type": "array", "items": file, "default": []}
    assert set(description["paths"]["/comments"]["post"]["requestBody"]["content"]) == {
        "multipart/form-data",
        "application/x-www-form-urlencoded",
    }
    assert set(description["paths"]["/parts"]["post"]["requestBody"]["content"]) == {"multipart/form-data"}


class Nested(Struct):
    inner: uploading.Loose


async def take_file(file: Upload) -> None: ...
async def take_files(files: list[Upload]) -> None: ...
async def take_text(form: Form[str]) -> None: ...
async def take_nested(form: Form[Nested]) -> None: ...
async def take_two(form: Form[uploading.Loose], parts: Parts) -> None: ...
async def take_picture(form: Form[uploading.Picture]) -> None: ...


MISTAKES: dict[Any, str] = {
    take_file: "form: Form\\[NewPicture\\]",
    take_files: "form: Form\\[NewPicture\\]",
    take_text: "name the struct",
    take_nested: "send the rest as JSON",
    take_two: "is its body already",
    take_picture: "add an Offload to what app.py provides",
}


@pytest.mark.parametrize("function", MISTAKES, ids=lambda function: function.__name__)
def test_what_no_form_can_have_keeps_the_service_from_starting(function: Any):
    routes = Routes("/", access=PUBLIC)
    routes.post("/form")(function)
    with pytest.raises(TypeError, match=MISTAKES[function]):
        web.build([Slice(routes)])


async def test_a_response_that_begins_before_the_end_of_its_form_keeps_its_slot_and_its_time():
    has_begun = asyncio.Event()

    async def watch() -> AsyncGenerator[Event[int]]:
        has_begun.set()
        await asyncio.sleep(1.5)  # longer than a request may take
        yield Event(1)

    async def stream(parts: Parts) -> EventStream[int]:
        async for part in parts:
            assert part.name == "a"
            break
        return EventStream(watch())

    async def send_slowly() -> AsyncGenerator[bytes]:
        yield encode(("name=a", b"1"))[:-4]
        await has_begun.wait()
        yield b"--\r\n"

    routes = Routes("/", access=PUBLIC)
    routes.post("/parts")(stream)
    edge = Edge(web.build([Slice(routes)]), EdgeOptions(request_timeout=1))
    async with open_client(edge) as client:
        response = await client.post("/parts", content=send_slowly(), headers=MULTIPART)
    assert "data: 1" in response.text
    assert (edge.streams.running, edge.admission.running, edge.uploads.running) == (0, 0, 0)


def test_a_limit_for_what_is_no_upload_keeps_the_service_from_starting():
    async def take_json(data: uploading.Loose) -> None: ...

    routes = Routes("/", access=PUBLIC)
    routes.post("/json", max_bytes=5)(take_json)
    with pytest.raises(TypeError, match="EDGE_BODY_BYTES"):
        web.build([Slice(routes)], provide=[Offload()])


def test_without_uploads_the_edge_asks_nobody():
    app = web.build([Slice(Routes("/", access=PUBLIC))])
    assert Edge(app).uploads.find_limit is None
