"""A login throttle that counts in the database of the test."""

from collections.abc import AsyncGenerator

import pytest_asyncio
from inside.login_attempts import OPTIONS
from inside.pools import Make
from service.kit.auth.login_throttle import LoginThrottle


@pytest_asyncio.fixture
async def throttle(make: Make) -> AsyncGenerator[LoginThrottle]:
    async with make() as db:
        yield LoginThrottle(db, OPTIONS)
