"""Fixtures of the application's own tests. `client`, `settings` and more come from tests/kit/fixtures.py."""

import httpx2
import pytest
import pytest_asyncio

from tests.kit.fuzz import Fuzz
from tests.people import PASSWORD, Person, sign_up


@pytest_asyncio.fixture
async def ada(client: httpx2.AsyncClient) -> Person:
    """A user who is signed in. Requests by `client` itself come from nobody."""
    client.headers.pop("Authorization", None)
    return await sign_up(client, "ada")


@pytest_asyncio.fixture
async def grace(ada: Person) -> Person:
    """Another one."""
    return await sign_up(ada.client, "grace")


@pytest.fixture
def fuzz() -> Fuzz:
    """Let a user send what `test_fuzz.py` makes up."""
    return Fuzz(sign_up=sign_up_for_fuzzing)


@pytest.fixture
def unrequested_routes() -> dict[str, str]:
    """Why `test_n_plus_1.py` cannot request some routes: there are no sample rows."""
    reason = "tests/articles/ makes the rows, and a budget bounds its statements"
    return {"GET /api/articles/feed": reason, "GET /api/articles/{slug}/comments": reason}


def sign_up_for_fuzzing(client: httpx2.Client) -> dict[str, str]:
    """Return the headers of a user who has just signed up."""
    user = {"username": "fuzz", "email": "fuzz@example.com", "password": PASSWORD}
    response = client.post("/api/users", json={"user": user})
    return {"Authorization": f"Token {response.json()['user']['token']}"}
