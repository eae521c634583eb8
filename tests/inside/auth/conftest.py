"""Guesses that are counted in the database of the test."""

from collections.abc import AsyncGenerator

import pytest_asyncio
from inside.guessing import OPTIONS
from inside.pools import Make
from service.kit.auth.login_throttle import LoginThrottle


@pytest_asyncio.fixture
async def guesses(make: Make) -> AsyncGenerator[LoginThrottle]:
    async with make() as db:
        yield LoginThrottle(db, OPTIONS)
