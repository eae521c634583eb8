import re

import pytest
from inside.suites import run_suite

SUITE = """
import asyncio, gc, hashlib, io, pathlib, pdb, socket, time, urllib.request, weakref

import httpx2
import pytest

from service.kit.work import responses
from service.kit.edge.edge import Edge


def sleep():
    time.sleep(0.01)  # the line


def read():
    open(__file__).read()  # the line


def connect():
    socket.create_connection(("127.0.0.1", 1))  # the line


def request():
    urllib.request.urlopen("http://127.0.0.1:1")  # the line


def derive():
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2_000_000)  # the line


def count():
    while time.thread_time() < ends_at:  # the line
        pass


def catch():
    try:
        time.sleep(0.01)  # the line
    except Exception:
        pass


def collect():
    while time.thread_time() < ends_at:
        gc.collect()


def nothing():
    pass


def wait_elsewhere():
    return asyncio.to_thread(time.sleep, 0.3)


TYPED = (
    "time.sleep(0.05)",
    "pathlib.Path(__file__).read_text()[:0]",
    "hashlib.pbkdf2_hmac('sha256', b'', b'', 2_000_000)[:0]",
    "continue",
)


def stop_at_a_prompt():
    pdb.Pdb(stdin=io.StringIO(chr(10).join(TYPED)), stdout=io.StringIO(), nosigint=True).set_trace()
    gc.collect()


def sleep_after_a_prompt():
    stop_at_a_prompt()
    time.sleep(0.01)  # the line


HANDLERS = (
    sleep, read, connect, request, derive, count, catch, collect, nothing, wait_elsewhere, stop_at_a_prompt,
    sleep_after_a_prompt,
)


@pytest.mark.parametrize("handle", HANDLERS, ids=lambda it: it.__name__)
async def test_it(handle):
    async def answer(scope, receive, send):
        global ends_at
        ends_at = time.thread_time() + 0.3
        if waiting := handle():
            await waiting
        await responses.respond(send, 200, b"", b"text/plain")

    transport = httpx2.ASGITransport(Edge(answer))
    async with httpx2.AsyncClient(transport=transport, base_url="http://service.test") as client:
        await client.get("/")


async def test_computing_outside_of_requests_is_let_pass():
    ends_at = time.thread_time() + 0.3
    while time.thread_time() < ends_at:
        pass


class Value:
    pass


async def test_with_a_value():
    global value
    held = Value()
    value = weakref.ref(held)
    ends_at = time.thread_time() + 0.3
    while time.thread_time() < ends_at:
        pass


def test_that_the_value_is_gone():
    ends_at = time.monotonic() + 10
    while value() and time.monotonic() < ends_at:
        time.sleep(0.01)
        gc.collect()
    assert value() is None, "is held"
"""

CAUGHT = {
    "sleep": "blocks the event loop by time.sleep",
    "read": "blocks the event loop by io.TextIOWrapper.read",
    "connect": "blocks the event loop by socket.socket.connect",
    "request": "blocks the event loop by socket.socket.connect",
    "derive": "computes for more than 100 ms at a stretch",
    "count": "computes for more than 100 ms at a stretch",
    "catch": "blocks the event loop by time.sleep",
    "sleep_after_a_prompt": "blocks the event loop by time.sleep",
}


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What pytest prints about a suite whose handlers block."""
    suite = tmp_path_factory.mktemp("suite") / "test_suite.py"
    suite.write_text(SUITE)
    ran = run_suite(suite, "-n0", "-p", "no:cacheprovider", "--tb=line")
    assert ran.returncode == 1, ran.stdout + ran.stderr
    return ran.stdout


@pytest.mark.parametrize("handler", CAUGHT)
def test_a_handler_that_blocks_fails_its_test_which_says_where_and_what_to_do(output: str, handler: str):
    finding = rf"\S+test_suite\.py:\d+, in {handler}: .*# the line\n +{CAUGHT[handler]}.*offload\.in_thread"
    assert re.search(finding, output), output
    assert re.search(rf"ERROR \S+test_it\[{handler}\]", output)


def test_a_handler_that_lets_others_run_passes(output: str):
    assert f"{len(CAUGHT)} errors" in output
    assert "collect" not in output.partition("short test summary")[2]
    assert "nothing" not in output
    assert "wait_elsewhere" not in output


def test_what_is_done_at_the_prompt_of_a_debugger_is_let_pass(output: str):
    assert "[stop_at_a_prompt]" not in output


def test_what_a_test_held_is_let_go_of(output: str):
    assert "test_that_the_value_is_gone" not in output
