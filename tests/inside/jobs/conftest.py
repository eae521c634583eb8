import pytest
from inside.jobs import queue


@pytest.fixture
async def url(database_url: str) -> str:
    """A database with the tables that the jobs write into."""
    await queue.make_tables(database_url)
    return database_url
