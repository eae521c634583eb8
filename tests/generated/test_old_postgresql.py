"""A service works on the versions of PostgreSQL that lag behind the one of development."""

import pytest

from tests import size
from tests.generated import old_postgresql
from tests.harness import shell
from tests.harness.programs import fail_without
from tests.harness.service import PASSED

STATEMENTS = (
    "tests/orders tests/accounts tests/test_worker.py tests/kit/test_constraints.py inside/migrate inside/rows "
    "inside/web/test_idempotency.py inside/tools/test_statements.py inside/db/test_db.py inside/db/test_uuidv7.py"
)
"""What runs each kind of statement. What plans at the sizes of production needs PostgreSQL 18."""

FAULTS = (
    "tests/kit/test_faults.py inside/jobs inside/server/test_serve.py inside/server/test_shutdown.py "
    "inside/db/test_connect.py inside/db/test_connections.py inside/db/test_capacity.py inside/db/test_kit_tables.py "
    "inside/db/test_pgbouncer.py inside/db/test_transactions.py"
)
"""What kills connections, jobs and workers: the oldest version and the newest stand for those between."""


@pytest.fixture(scope="module")
def folder(template, workshop):
    """A service with the kit's tests in it."""
    return size.prepare(template, workshop / "old")


@pytest.mark.slow
@pytest.mark.parametrize(("version", "selection"), [(15, f"{STATEMENTS} {FAULTS}"), (17, STATEMENTS)])
def test_a_service_works_on_it(folder, version, selection):
    programs = old_postgresql.find(version)
    if programs is None:
        command = f"apt-get install postgresql-{version} (apt.postgresql.org has every version)"
        fail_without(f"PostgreSQL {version}", command)
    with old_postgresql.run(programs) as url:
        command = ("uv", "run", "--quiet", "pytest", "-q", "-n2", *selection.split())
        output = shell.run(*command, cwd=folder, TEST_DATABASE_URL=url)
        assert PASSED.search(output), output
        command = ("uv", "run", "--quiet", "pytest", "-q", "tests/kit/test_contract.py")
        code, output = shell.attempt(*command, cwd=folder, TEST_DATABASE_URL=url)
    assert code == 1
    assert f"need PostgreSQL 18, and this server is version {version}" in output
