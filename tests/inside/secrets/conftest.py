"""One PostgreSQL with passwords and TLS for all of these tests."""

from collections.abc import Generator

import pytest
from inside.secrets import postgres
from inside.secrets.postgres import Server


@pytest.fixture(scope="session")
def server() -> Generator[Server]:
    with postgres.run() as server:
        yield server
