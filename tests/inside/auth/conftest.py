"""Guesses that are counted in the database of the test."""

from collections.abc import AsyncGenerator

import pytest_asyncio
from inside.guessing import OPTIONS
from inside.pools import Make
from service.kit.auth import Guesses


@pytest_asyncio.fixture
async def guesses(make: Make) -> AsyncGenerator[Guesses]:
    async with make() as db:
        yield Guesses(db, OPTIONS)
