"""Six faults, planted in a copy of the service one at a time: the command made for it points at its line."""

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from inside import reports
from service_tools.dev import embedded

from tests.kit import processes
from tests.kit.processes import ROOT

pytestmark = pytest.mark.faults

HANDLER = "    order = await db.find(queries.read_order, caller.id, order_id)\n"
IMPORT = "from functools import partial\n"
SCENARIO = """
[values]
id = { request = "GET /v1/orders?limit=100", take = "data.id" }

[[steps]]
name = "read"
request = "GET /v1/orders/${id}"
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a folder with a copy of the service's package, and one scenario."""
    shutil.copytree(ROOT / "src/service", tmp_path / "src/service", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "perf/scenarios").mkdir(parents=True)
    (tmp_path / "perf/scenarios/orders.toml").write_text(SCENARIO)
    return tmp_path


def plant(copy: Path, fault: str, above: str = "") -> None:
    """Put lines before what reads an order, and below the imports."""
    path = copy / "src/service/orders/http.py"
    text = path.read_text()
    assert text.count(HANDLER) == 1
    assert text.count(IMPORT) == 1
    path.write_text(text.replace(HANDLER, f"{fault}\n{HANDLER}").replace(IMPORT, f"{above}\n{IMPORT}"))


def run_perf(cwd: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command of `service perf`, however busy the machine is."""
    line, env = [*processes.COMMAND, "perf", *arguments], processes.make_environment(settings)
    return subprocess.run(line, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=900)


def measure(copy: Path, url: str, *command: str) -> tuple[str, str]:
    """Return what a command of `service perf` prints, and its report."""
    path = os.pathsep.join([str(copy / "src"), str(ROOT / "src")])
    options = ["--rows", "200", "--rate", "40"]
    done = run_perf(copy, command[0], *options, *command[1:], PYTHONPATH=path, DATABASE_URL=url)
    assert done.returncode == 0, done.stderr
    report = reports.read_page(copy, command[0]) if reports.find_pages(copy, command[0]) else ""
    assert "eyJ" not in report, "the report holds a token"
    return done.stdout, report


def test_cpu_names_the_line_of_a_quadratic_loop(copy: Path, database_url: str):
    plant(copy, "    numbers = range(500)\n    sum(a < b for a in numbers for b in numbers)")
    said, report = measure(copy, database_url, "cpu", "--seconds", "3")
    first = said.splitlines()[2]
    assert "src/service/orders/http.py" in first
    assert "for b in numbers" in first
    assert "for b in numbers" in report


def test_memory_names_what_is_kept_of_each_request_and_what_is_freed_at_once(copy: Path, database_url: str):
    plant(
        copy,
        "    KEPT.append(f'{order_id} was read')\n    len(bytearray(20_000_000))",
        "KEPT: list[str] = []",
    )
    said, report = measure(copy, database_url, "memory", "--seconds", "6")
    lines = said.splitlines()
    assert "KEPT.append" in lines[2], said
    largest = next(number for number, line in enumerate(lines) if "MB at once" in line)
    assert "len(bytearray(20_000_000))" in lines[largest + 1], said
    assert "KEPT.append" in report


def test_memory_blames_no_line_of_an_unchanged_service(copy: Path, database_url: str):
    said, _ = measure(copy, database_url, "memory", "--seconds", "6")
    assert "Nothing grew with the requests." in said


def test_blocking_names_the_line_that_sleeps(copy: Path, database_url: str):
    plant(copy, "    time.sleep(0.15)", "import time")
    said, report = measure(copy, database_url, "blocking", "--seconds", "3", "--rate", "4")
    first = said.splitlines()[2]
    assert "time.sleep(0.15)" in first
    assert "GET /v1/orders/{order_id}" in first
    assert "time.sleep(0.15)" in report


def test_tasks_shows_where_tasks_wait_that_never_end(copy: Path, database_url: str):
    plant(
        copy,
        "    waiting = asyncio.create_task(wait_forever())\n    TASKS.append(waiting)",
        "import asyncio\nTASKS = []\n\nasync def wait_forever():\n    await asyncio.Event().wait()\n",
    )
    said, report = measure(copy, database_url, "tasks", "--seconds", "2")
    crowded = said.splitlines()[2]
    assert "wait_forever, of an answered request" in crowded
    assert "await asyncio.Event().wait()" in crowded
    assert "await asyncio.Event().wait()" in report


def test_plans_names_the_statement_whose_index_is_missing():
    with tempfile.TemporaryDirectory(prefix="service-plans-") as name, embedded.run_postgresql(Path(name, ".postgres")):
        shutil.copytree(ROOT / "migrations", Path(name, "migrations"))
        path = Path(name, "migrations/0001_orders.sql")
        index = "create index orders_account_created_at_idx on orders (account, created_at, id);\n"
        assert path.read_text().count(index) == 1
        path.write_text(path.read_text().replace(index, ""))
        shutil.copytree(ROOT / "perf/plans", Path(name, "perf/plans"))
        env = processes.make_environment({"MIGRATIONS_FOLDER": "migrations"})
        line = [*processes.COMMAND, "plans", "--check"]
        done = subprocess.run(line, cwd=name, env=env, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()
    assert "orders.orders.newest" in done.stdout
    assert any(re.match(r"-.* using orders_account_created_at_idx ", line) for line in lines), done.stdout
    assert any(re.match(r"\+ *->  Sort$", line) for line in lines), done.stdout
