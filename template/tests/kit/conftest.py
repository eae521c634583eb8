# kit: updated by the template
"""Databases with a small pool, for the tests that do not make their own."""

from collections.abc import AsyncGenerator
from functools import partial

import pytest
import pytest_asyncio

from service.kit.db import Database
from service.settings import Settings
from tests.kit import pools
from tests.kit.pools import Make


@pytest.fixture
def make(settings: Settings) -> Make:
    return partial(pools.make, settings.database)


@pytest_asyncio.fixture
async def db(make: Make) -> AsyncGenerator[Database]:
    async with make() as db:
        yield db
