"""A replica is replaced, or dies, behind the shipped Caddyfile, and no client notices."""

import json
import re
import time
from contextlib import ExitStack, closing

import pytest
import yaml

from tests.conftest import SERVER
from tests.deploy.one_host import Load, Replica, run_caddy
from tests.deploy.order_clients import SlowPost, Stream, create_order, read_orders, write_orders
from tests.harness import shell
from tests.harness.client import SIGN
from tests.harness.ports import find_ports
from tests.harness.terminal import wait_for

pytestmark = pytest.mark.slow

PATIENT = {
    "DATABASE_ACQUIRE_TIMEOUT": "5",
    "DATABASE_LOCK_TIMEOUT": "6",
    "DATABASE_STATEMENT_TIMEOUT": "7",
    "DATABASE_COMMAND_TIMEOUT": "8",
}
"""A machine that does much else must not make the service refuse what it would otherwise answer."""


@pytest.fixture(scope="module")
def database_url(workshop, synced):
    """A PostgreSQL for the replicas."""
    command = [synced / ".venv/bin/python", "-W", "ignore", "-c", SERVER, workshop / "replaced"]
    with shell.hold(*command, cwd=synced) as url:
        yield url


@pytest.fixture(scope="module")
def host(render, synced, database_url, tmp_path_factory):
    """Two replicas and Caddy, as compose.yaml has them; the headers of a request; and the pause of a release."""
    deploy = render(deploy="compose") / "deploy"
    web = yaml.safe_load((deploy / "compose.yaml").read_text())["services"]["web-a"]
    key = shell.run(".venv/bin/service", "key", cwd=synced).split()[0].partition("=")[2]
    token = shell.run(".venv/bin/python", "-c", SIGN, key, cwd=synced).strip()
    environment = {
        "DATABASE_URL": database_url,
        "AUTH_SIGNING_KEY": key,
        "SERVER_DRAIN_DELAY": web["environment"]["SERVER_DRAIN_DELAY"],
        **PATIENT,
    }
    shell.run(".venv/bin/service", "migrate", cwd=synced, **environment)
    ports = find_ports(7)
    replicas = [Replica(synced, ports.pop(), ports.pop(), environment) for _ in range(2)]
    with ExitStack() as stack:
        for replica in replicas:
            stack.callback(replica.kill)
            replica.start()
        place = deploy / "caddy/Caddyfile"
        proxy = stack.enter_context(
            run_caddy(place, tmp_path_factory.mktemp("caddy"), ports, [it.port for it in replicas])
        )
        (settle,) = re.findall(r"SETTLE_SECONDS:-(\d+)", (deploy / "release.sh").read_text())
        yield replicas, proxy, {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}, int(settle)


def test_the_proxy_passes_what_comes_and_believes_no_client(host):
    replicas, proxy, headers, _ = host
    curl = ["curl", "--silent", "--cacert", proxy.root, "--write-out", "%{http_version} %{http_code} %{redirect_url}"]
    place = f"localhost:{proxy.port}"
    hidden = ["--output", proxy.root.with_name("body")]
    assert shell.run(*curl, *hidden, f"https://{place}/livez", cwd=proxy.root.parent) == "2 200 "
    plain = f"http://localhost:{proxy.http_port}/livez"
    assert shell.run(*curl, *hidden, plain, cwd=proxy.root.parent) == "1.1 308 https://localhost/livez"
    forged = {"X-Forwarded-For": "203.0.113.7", "X-Request-Id": "forged"}
    with closing(proxy.connect()) as connection:
        connection.request("POST", "/v1/orders", b" " * 1_200_000, headers | forged)
        response = connection.getresponse()
        assert response.status == json.loads(response.read())["status"] == 413
    lines = wait_for(lambda: [line for it in replicas for line in it.find_log("forged")], 10, replicas[0].show_log)
    assert [json.loads(line)["client"] for line in lines] == ["127.0.0.1"]


def send_slowly(replica, proxy, headers):
    """Send bodies until one of them arrives at this replica, and return the clients."""
    posts = []

    def send_another():
        posts.append(SlowPost(proxy, headers))
        return replica.count_arriving()

    wait_for(send_another, 7, replica.read_metrics)
    return posts


def test_each_replica_is_replaced_without_a_failed_request(host):
    replicas, proxy, headers, settle = host
    with closing(proxy.connect()) as connection:
        status, order = create_order(connection, headers)
    assert status == 201
    reads = Load(proxy, read_orders(headers))
    writes = Load(proxy, write_orders(headers))
    with reads.run(4), writes.run(4):
        streams = [Stream(proxy, f"/v1/orders/{order['id']}/events", headers) for _ in range(4)]
        for replica in replicas:
            posts = send_slowly(replica, proxy, headers)
            assert replica.stop() == 0
            replica.start()
            time.sleep(settle)
            for post in posts:
                post.join()
            assert {post.status for post in posts} == {201}
        for stream in streams:
            stream.join(10)
    assert set(reads.answers) == {"200"}, reads.answers
    assert set(writes.answers) == {"201"}, writes.answers
    assert min(reads.answers["200"], writes.answers["201"]) > 100
    assert [stream.error for stream in streams] == [None] * 4, "they end, and are not cut"
    assert all(b"id: 1\n" in stream.lines for stream in streams)


def test_a_replica_that_is_killed_costs_no_read(host):
    (first, second), proxy, headers, _ = host
    reads = Load(proxy, read_orders(headers))
    with reads.run(4):
        wait_for(lambda: reads.answers["200"] > 50, 30, lambda: str(reads.answers))
        first.kill()
        wait_for(lambda: reads.answers["200"] > 300, 30, lambda: str(reads.answers))
    assert set(reads.answers) == {"200"}, reads.answers
    second.kill()
    with closing(proxy.connect()) as connection:
        connection.request("GET", "/v1/orders", headers=headers)
        response = connection.getresponse()
        assert response.status in (502, 503)
        assert response.headers["Content-Type"] == "application/problem+json"
        assert json.loads(response.read())["status"] == response.status
