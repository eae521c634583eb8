"""How the tests of a service are run: where their PostgreSQL is, and in how many processes."""

from pathlib import Path

import pytest
from inside.suites import run_suite

from tests.kit import fixtures


def test_the_server_of_the_tests_is_in_memory_only_if_that_has_room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(fixtures, "MEMORY", tmp_path)
    monkeypatch.setattr(fixtures, "MIN_FREE_BYTES", 0)
    assert fixtures.find_memory() == tmp_path
    monkeypatch.setattr(fixtures, "MIN_FREE_BYTES", 2**60)
    assert fixtures.find_memory() is None
    monkeypatch.setattr(fixtures, "MEMORY", tmp_path / "missing")
    assert fixtures.find_memory() is None


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """A folder with one test."""
    (tmp_path / "test_it.py").write_text("def test_it():\n    pass\n")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "processes"),
    [(["."], 2), (["test_it.py"], 0), ([".", "-k", "it"], 0), ([".", "-s"], 0), (["test_it.py", "-n1"], 1)],
)
def test_a_folder_of_tests_runs_in_two_processes_and_less_in_one(suite: Path, arguments: list[str], processes: int):
    place, *options = arguments
    ran = run_suite(suite / place, *options)
    assert ran.returncode == 0, ran.stdout
    assert (f"created: {processes}/{processes} worker" in ran.stdout) == (processes > 0), ran.stdout
    assert ("worker" in ran.stdout) == (processes > 0), ran.stdout


def test_a_plug_in_that_is_left_out_comes_back_where_a_conftest_names_it(suite: Path):
    option = "--hypothesis-profile=default"
    assert "unrecognized arguments" in run_suite(suite, "-n0", option).stderr
    (suite / "conftest.py").write_text('pytest_plugins = ["_hypothesis_pytestplugin"]\n')
    ran = run_suite(suite, "-n0", option)
    assert ran.returncode == 0, ran.stdout + ran.stderr


REQUIRED = """
from tests.kit import fixtures


class Settings(fixtures.Settings):
    shop_key: str
    \"""key of the shop\"""


fixtures.Settings = Settings
"""


@pytest.mark.parametrize("options", [["-n0"], ["-n2"]], ids=["one", "parallel"])
def test_a_setting_that_is_missing_is_told_once_with_where_to_write_it(suite: Path, options: list[str]):
    (suite / "conftest.py").write_text(REQUIRED)
    tests = "".join(f"def test_{number}(settings):\n    pass\n\n\n" for number in range(20))
    (suite / "test_it.py").write_text(tests)
    ran = run_suite(suite, *options)
    assert ran.returncode != 0
    expected = "SHOP_KEY: it is required (key of the shop)\nTests read .env.development: write there what is missing."
    assert expected in ran.stdout, ran.stdout
    assert ran.stdout.count("SHOP_KEY") <= 2, "once for each process"
    assert "ValidationError" not in ran.stdout
    assert "fixtures.py" not in ran.stdout


def test_with_s_a_test_may_take_an_hour_and_without_as_long_as_in_production(suite: Path):
    (suite / "test_it.py").write_text("""
def test_it(settings):
    timeouts = settings.database.statement_timeout, settings.database.command_timeout, settings.edge.request_timeout
    assert timeouts == (4.5, 5, 10)
""")
    assert run_suite(suite, "-n0").returncode == 0
    assert "assert (3000.0, 3100.0, 3200.0) == (4.5, 5, 10)" in run_suite(suite, "-n0", "-s").stdout
