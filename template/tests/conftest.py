"""Fixtures of the service's own tests. `client`, `settings` and more come from tests/kit/fixtures.py."""

import pytest

from tests.kit.accounts import Asks
from tests.kit.fuzz import Fuzz


@pytest.fixture
def ownership_requests() -> Asks:
    """Requests for tests/kit/test_ownership.py to send as another account, where it finds none itself."""
    return {}


@pytest.fixture
def fuzz() -> Fuzz:
    """Who sends the requests of tests/kit/test_fuzz.py, and which routes get none."""
    return Fuzz()


@pytest.fixture
def unrequested_routes() -> dict[str, str]:
    """Why tests/kit/test_n_plus_1.py cannot request some routes, by route: {"GET /v1/rates": "…"}."""
    return {}
