"""Slow handlers, planted one at a time: the profile made for each points at its line, and says how much it takes."""

import json
from pathlib import Path
from typing import Any

import pytest
from inside.tools.test_perf_faults import copy, measure, plant

__all__ = ["copy"]  # a fixture

pytestmark = pytest.mark.faults


def profile(copy: Path, url: str, *command: str) -> Any:
    """Return what a command prints as JSON."""
    said, _ = measure(copy, url, *command, "--json")
    return json.loads(said)


HOLDER = """
    async with LOCK:
        await pause()
    async with db.transaction():
        await pause()
    for _ in range(3):
        await db.find(queries.read_order, caller.id, order_id)
"""


def test_waiting_names_the_line_of_a_helper_and_the_lock_the_transaction_and_the_loop_around_it(
    copy: Path, database_url: str
):
    above = "import asyncio\nLOCK = asyncio.Lock()\n\nasync def pause():\n    await asyncio.sleep(0.02)\n"
    plant(copy, HOLDER, above)
    said, report = measure(copy, database_url, "waiting", "--seconds", "3", "--json")
    found = json.loads(said)
    assert found["waits"][0]["wait for"] == "a sleep"
    assert "await asyncio.sleep(0.02)" in found["lines"][0]["source"]
    assert any(thing["wait for"] == "the statement orders.read_order" for thing in found["waits"])
    held = [(place["source"], place["wait for"]) for place in found["holds"]]
    assert ("async with LOCK:", "a sleep") in held
    assert ("async with db.transaction():", "a sleep") in held
    assert ("for _ in range(3):", "the statement orders.read_order") in held
    assert "async with LOCK:" in report


GIL = """
    ctypes.PyDLL(None).usleep(150_000)
"""


def test_blocking_finds_each_call_that_holds_the_gil_with_its_line_its_route_and_its_length(
    copy: Path, database_url: str
):
    plant(copy, GIL, "import ctypes\n")
    (stalls, *_) = profile(copy, database_url, "blocking", "--seconds", "3", "--rate", "4")
    worst = stalls[0]
    assert "ctypes.PyDLL(None).usleep(150_000)" in worst["source"]
    assert worst["times"] >= 6, "four a second were sent for three seconds"
    assert worst["seconds"] >= 0.13 * worst["times"]
    assert worst["CPU seconds"] < worst["seconds"]
    assert worst["route"] == "GET /v1/orders/{order_id}"


def test_cpu_sees_c_code_that_releases_the_gil(copy: Path, database_url: str):
    plant(copy, '    hashlib.pbkdf2_hmac("sha256", b"secret", b"salt", 20_000)', "import hashlib\n")
    (lines, *_) = profile(copy, database_url, "cpu", "--seconds", "3")
    assert "hashlib.pbkdf2_hmac" in lines[0]["source"]
    low, high = (float(bound.rstrip("%")) / 100 for bound in lines[0]["95 % interval"].split(" to "))
    assert low < lines[0]["share"] < high
