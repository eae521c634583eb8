# kit: updated by the template
"""Migrations stop no traffic and lose no data by accident."""

import pytest

from service.kit.migrate.files import MigrationOptions
from tests.kit import lint

HELP = """Where a statement does no harm, say so in the line above it:
-- squawk-ignore <rule>[, <rule>] -- <the reason, in two words or more>
A file that was applied already cannot be changed: write the number of the next one into migrations/linted-from."""


def test_migrations_stop_no_traffic_and_lose_no_data_by_accident():
    folder = MigrationOptions().folder
    found = lint.check_migrations(lint.ROOT / folder)
    if found:
        lines = "\n".join([*[f"{folder}/{finding}" for finding in found], "", HELP])
        if lint.are_older_than_update():  # an update turns no suite red by its new rules
            pytest.skip(lines)
        pytest.fail(lines, pytrace=False)
