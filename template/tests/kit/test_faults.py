# kit: updated by the template
"""Faults on the service itself, in real processes: the database away, too many requests, and SIGTERM.

The template's own tests cover each fault in detail.
"""

import asyncio
import signal
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.kit.fixtures import make_headers
from tests.kit.processes import serve

pytestmark = pytest.mark.faults

NOWHERE = "postgresql://127.0.0.1:1/nowhere"

REQUESTS = 40
"""Sent at once: many times what the overload test allows."""


def list_reads(url: str) -> list[str]:
    """Return the paths that can be read without an id, from the description of the API."""
    paths: dict[str, Any] = httpx2.get(f"{url}/openapi.json", timeout=10).json()["paths"]
    return [path for path, operations in paths.items() if "get" in operations and "{" not in path] or ["/livez"]


async def flood(url: str, paths: list[str]) -> list[httpx2.Response | BaseException]:
    """Send many requests at once, and return the answers, or the errors in their place."""
    limits = httpx2.Limits(max_connections=REQUESTS)
    async with httpx2.AsyncClient(base_url=url, limits=limits, timeout=20, headers=make_headers()) as client:
        requests = [client.get(paths[number % len(paths)]) for number in range(REQUESTS)]
        return await asyncio.gather(*requests, return_exceptions=True)


def test_without_its_database_the_service_starts_lives_is_not_ready_and_asks_to_try_again(tmp_path: Path):
    with serve(tmp_path, DATABASE_URL=NOWHERE, SERVER_DOCS="true") as (_, url):
        assert httpx2.get(f"{url}/livez").status_code == 200
        assert httpx2.get(f"{url}/readyz", timeout=10).status_code == 503
        for answer in asyncio.run(flood(url, list_reads(url))):
            assert isinstance(answer, httpx2.Response)
            assert answer.status_code < 500 or "retry-after" in answer.headers, answer.text


def test_too_many_requests_are_answered_or_asked_to_come_again(database_url: str, tmp_path: Path):
    settings = {"DATABASE_URL": database_url, "SERVER_DOCS": "true", "EDGE_CONCURRENCY": "2"}
    with serve(tmp_path, **settings) as (_, url):
        answers = asyncio.run(flood(url, list_reads(url)))
        assert httpx2.get(f"{url}/livez").status_code == 200
    for answer in answers:
        assert isinstance(answer, httpx2.Response)
        assert answer.status_code < 500 or "retry-after" in answer.headers, answer.text


def test_after_sigterm_what_was_accepted_is_answered_and_the_service_ends(database_url: str, tmp_path: Path):
    settings = {"DATABASE_URL": database_url, "SERVER_DOCS": "true", "SERVER_DRAIN_DELAY": "1"}
    with serve(tmp_path, **settings) as (process, url):
        paths = list_reads(url)

        async def stop() -> list[httpx2.Response | BaseException]:
            answering = asyncio.create_task(flood(url, paths))
            await asyncio.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            return await answering

        answers = asyncio.run(stop())
        assert process.wait(20) == 0
    # Until the drain delay has passed, new connections are taken as well.
    for answer in answers:
        assert isinstance(answer, httpx2.Response), answer
        assert answer.status_code < 500 or "retry-after" in answer.headers, answer.text
