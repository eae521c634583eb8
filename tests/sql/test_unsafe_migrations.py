"""The suite of a generated service refuses migrations that would stop its traffic or lose its data."""

import re

import pytest

from tests.harness import service, shell
from tests.sql.unsafe_migrations import GROUND, SAFE, UNSAFE


@pytest.fixture(scope="module")
def output(render, workshop):
    """What the lint says of everything at once. It runs after all of it was applied, so all of it is valid SQL."""
    folder = service.adopt(render(), workshop / "unsafe-migrations")
    files = [("ground", GROUND)]
    files += [(f"unsafe_{name}", sql) for name, (sql, _, _) in UNSAFE.items()]
    files += [(f"safe_{name}", sql) for name, steps in SAFE.items() for sql in steps]
    for number, (name, sql) in enumerate(files, 1001):
        (folder / f"migrations/{number:04}_{name}.sql").write_text(f"{sql}\n")
    shell.run("uv", "sync", "--quiet", cwd=folder)
    code, output = shell.attempt(
        "uv", "run", "--quiet", "pytest", "-q", "-n0", "tests/kit/test_migration_lint.py", cwd=folder
    )
    assert code == 1, output
    assert " 1 failed" in f" {output.splitlines()[-1]}", output
    return output


@pytest.mark.parametrize("name", UNSAFE)
def test_an_unsafe_migration_is_refused_with_its_place_and_what_to_write(output, name):
    _, rule, advice = UNSAFE[name]
    found = re.findall(rf"^migrations/\d{{4}}_unsafe_{name}\.sql:(\d+): ([a-z-]+): (.*)$", output, re.MULTILINE)
    assert [(line, told) for line, told, _ in found if told == rule] == [("1", rule)], output
    assert any(advice in message for _, _, message in found), found


@pytest.mark.parametrize("name", SAFE)
def test_its_safe_counterpart_passes(output, name):
    assert f"_safe_{name}.sql" not in output


def test_the_migrations_of_the_example_pass(output):
    assert "0001_orders.sql" not in output
