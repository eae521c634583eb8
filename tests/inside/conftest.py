"""Databases with a small pool, for the tests that do not make their own."""

from collections.abc import AsyncGenerator
from functools import partial

import pytest
import pytest_asyncio
from inside import pools
from inside.pools import Make
from service.kit.db.database import Database
from service.settings import Settings


@pytest.fixture
def make(settings: Settings) -> Make:
    return partial(pools.make, settings.database)


@pytest_asyncio.fixture
async def db(make: Make) -> AsyncGenerator[Database]:
    async with make() as db:
        yield db
