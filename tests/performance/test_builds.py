"""Axum and Fastify answer as the service does where they can be built, and elsewhere it is said what they lack."""

import json
import os
import re
import urllib.error
import urllib.request

import pytest

from tests.harness.snapshot import ROOT
from tests.harness.terminal import wait_for
from tests.performance import builds, compare, rendered, servers

NEW = {
    "reference": "SO-2026-0001",
    "customer_email": "ada@example.com",
    "currency": "EUR",
    "total_minor": 1999,
    "item_count": 3,
}


@pytest.fixture(scope="module")
def place():
    """Return the folder of a rendered service, and its database with some orders."""
    with rendered.make() as folder, servers.provide_database(folder, 900, 20) as database:
        yield folder, database


@pytest.fixture(scope="module")
def server(request, place):
    """Return one of the programs, running."""
    folder, database = place
    with servers.start(request.param, folder, database["url"]) as started:
        yield started


def send(server, path, body=None, **headers):
    """Return the status, the headers and the body of a response."""
    content = {"Content-Type": "application/json"} if body else {}
    url = f"http://127.0.0.1:{server.port}{path}"
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(url, data, server.headers | content | headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, response.headers, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


INSTALLED = builds.list_installed()
"""Each program is tried where what it is built from is installed."""

EACH = pytest.mark.parametrize("server", INSTALLED, indirect=True)
AXUM = pytest.mark.parametrize("server", [name for name in INSTALLED if name == "axum"], indirect=True)
DUTIES = pytest.mark.parametrize("server", [name for name in INSTALLED if name == builds.WITH_DUTIES], indirect=True)


@pytest.mark.slow
@EACH
def test_a_program_answers_as_the_service_does(server, place):
    folder, database = place
    with servers.start("service", folder, database["url"]) as service:
        compare.verify({"service": service, server.name: server}, database["keys"])
        pages = [json.loads(each.get("/v1/orders?limit=2")[0])["next"] for each in (service, server)]
        next_pages = [
            json.loads(each.get(f"/v1/orders?limit=2&cursor={cursor}")[0])["data"]
            for each, cursor in zip((service, server), pages, strict=True)
        ]
        assert next_pages[0] == next_pages[1]
        status, headers, body = send(server, "/v1/orders", NEW | {"reference": server.name})
        assert status == 201
        assert json.loads(service.get(headers["location"])[0]) == json.loads(body)


@pytest.mark.slow
@EACH
def test_a_program_refuses_what_the_service_refuses(server):
    assert send(server, "/v1/orders/00000000-0000-0000-0000-000000000000")[0] == 404
    assert send(server, "/v1/orders?limit=101")[0] in (400, 422)
    assert send(server, "/v1/orders?cursor=no")[0] in (400, 422)
    twice = NEW | {"reference": f"{server.name} twice"}
    assert send(server, "/v1/orders", twice)[0] == 201
    assert send(server, "/v1/orders", twice)[0] == 409
    assert send(server, "/v1/orders", NEW | {"currency": "euro"})[0] in (400, 422)


@pytest.mark.slow
@DUTIES
def test_a_token_is_verified_each_time(server):
    path = "/v1/orders?limit=1"
    assert send(server, path)[0] == send(server, path)[0] == 200
    for header in ("", "Bearer x.y.z", server.headers["Authorization"][:-4] + "AAAA"):
        assert send(server, path, Authorization=header)[0] == 401


@pytest.mark.slow
@DUTIES
def test_a_client_that_has_a_page_gets_304_and_a_long_body_413(server):
    path = "/v1/orders?limit=3"
    status, headers, _ = send(server, path)
    assert send(server, path, **{"If-None-Match": f'"other", {headers["etag"]}'})[0] == 304
    assert send(server, path, **{"If-None-Match": 'W/"0"'})[0] == status == 200
    assert send(server, "/v1/orders", NEW | {"note": "x" * 1_000_000})[0] == 413


@pytest.mark.slow
@DUTIES
def test_each_request_has_a_line_in_the_log(server, place):
    _, headers, _ = send(server, "/v1/orders?limit=3")
    log = place[0].parent / f"{server.name}.log"
    known = headers["x-request-id"]
    found = wait_for(lambda: [it for it in log.read_text().splitlines() if known in it], 20, log.read_text)
    line = json.loads(found[0])
    assert (line["method"], line["path"], line["status"]) == ("GET", "/v1/orders", 200)


@pytest.mark.slow
@DUTIES
def test_more_requests_than_are_answered_at_once_are_refused(server, place):
    load = {"port": server.port, "paths": ["/v1/orders?limit=50"], "clients": 200, "rate": 0, "seconds": 1}
    done = servers.drive(place[0], **load)
    assert done["answers"].keys() == {"200", "503"}
    assert done["unanswered"] == 0


@pytest.mark.slow
@AXUM
def test_the_load_reads_bodies_in_chunks(server, place):
    path = "/v1/orders?limit=50"
    packed, coding = server.get(path, **{"Accept-Encoding": "zstd"})
    assert coding == "zstd"
    load = {"port": server.port, "paths": [path], "clients": 4, "rate": 0, "seconds": 0.3}
    done = servers.drive(place[0], headers=compare.ZSTD, **load)
    assert done["answers"].keys() == {"200"}
    assert done["answers"]["200"]["bytes"] == len(packed)


def test_what_cannot_be_built_is_said_with_what_to_install(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(builds, "CRATES", tmp_path)
    monkeypatch.setattr(builds, "CARGO", tmp_path / "cargo")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert builds.select_available() == []
    axum, fastify = capsys.readouterr().out.splitlines()
    assert axum.startswith(f"Without axum and axum with duties: {tmp_path}/cargo")
    assert "the crate sqlx" in axum
    assert fastify.startswith("Without fastify: node and npm not found")
    [advice] = re.findall(r"`apt-get install .*`", axum)
    assert advice in (ROOT / "docs/performance.md").read_text()


def test_a_program_that_does_not_build_is_left_out_with_the_errors(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    for name, script in (("node", "echo v22.0.0"), ("npm", "echo no such package; exit 1")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    assert builds.select_available(["fastify"]) == []
    assert "`npm ci` failed:\nno such package" in capsys.readouterr().out


def test_what_is_not_there_is_not_measured():
    measured = compare.list_slices(["service", "axum"])
    assert ("page of 50, zstd", "axum") in measured
    assert {name for _, name in measured} == {"service", "axum"}
