# kit: updated by the template
import pytest

from tests.kit.jobs import queue


@pytest.fixture
async def url(database_url: str) -> str:
    """A database with the tables that the jobs write into."""
    await queue.make_tables(database_url)
    return database_url
