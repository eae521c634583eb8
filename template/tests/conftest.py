"""Fixtures of the service's own tests. `client`, `settings` and more come from tests/kit/fixtures.py."""
