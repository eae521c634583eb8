import asyncio
import re
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path

import asyncpg
import pytest
import service
from inside import reports
from service.kit.db import query
from service.kit.db.query import Query
from service_tools.dev import embedded
from service_tools.pages import Page
from service_tools.sql import commands, plans, recorded_plans
from service_tools.sql.samples import analyze_sample
from service_tools.sql.statement import Statement

from tests.kit.processes import ROOT, run

NAMES = sorted(name for name, _ in query.find_queries(service))


@pytest.fixture(scope="module")
def project() -> Generator[Path]:
    """A folder with migrations and a running database, to run tools in: not pytest's, see test_development."""
    with (
        tempfile.TemporaryDirectory(prefix="service-plans-") as folder,
        embedded.run_postgresql(Path(folder, ".postgres")),
    ):
        shutil.copytree(ROOT / "migrations", Path(folder, "migrations"))
        yield Path(folder)


def test_the_plans_of_all_statements_are_listed_recorded_and_compared(project: Path):
    listed = run("plans", cwd=project)
    assert listed.returncode == 0, listed.stderr
    assert "unread" not in listed.stdout
    assert [name for line in listed.stdout.splitlines() if (name := line.split()[0]) in NAMES] == NAMES
    assert run("plans", "--record", cwd=project).returncode == 0
    assert run("plans", "--check", cwd=project).returncode == 0
    (project / "perf" / "plans" / "gone.txt").write_text("gone.read_gone\n  Seq Scan gone\n")
    changed = run("plans", "--check", cwd=project)
    assert changed.returncode == 1
    assert "-gone.read_gone" in changed.stdout
    assert "service plans --record" in changed.stdout
    assert run("plans", "orders.read_order", "--record", cwd=project).returncode == 2
    run("plans", "--record", cwd=project)
    assert not (project / "perf" / "plans" / "gone.txt").exists()


def test_a_report_makes_its_folder_or_says_why_not(project: Path):
    done = run("plans", cwd=project)
    assert done.returncode == 0, done.stderr
    assert "orders.read_order" in done.stdout
    assert "orders.read_order" in reports.read_page(project, "plans")
    shutil.rmtree(project / "perf/reports")
    (project / "perf/reports").write_text("no folder")
    refused = run("plans", cwd=project)
    (project / "perf/reports").unlink()
    assert refused.returncode == 1
    assert "Error: Cannot write to perf/reports: " in refused.stderr
    assert "Traceback" not in refused.stderr


def test_an_unknown_statement_is_refused_with_those_there_are(project: Path):
    result = run("plans", "orders.nothing", cwd=project)
    assert result.returncode == 1
    assert "There is no statement orders.nothing" in result.stderr


def test_a_budget_that_cannot_be_read_is_named(project: Path):
    file = project / "perf" / "budgets.toml"
    file.parent.mkdir(exist_ok=True)
    for content, complaint in [
        ("[rows", "end of document"),
        ('[rows]\norders = "many"\n', "$.rows"),
        ("[sizes]\n", "sizes"),
        ("[rows]\nordrs = 5\n", "[rows]: there is no ordrs: write orders, or delete the line"),
        ('[unused_indexes]\norders_key = "why"\n', "[unused_indexes]: there is no orders_key: write orders_"),
    ]:
        file.write_text(content)
        result = run("plans", cwd=project)
        assert result.returncode == 1
        assert "perf/budgets.toml" in result.stderr
        assert complaint in result.stderr
        assert "Traceback" not in result.stderr
    file.unlink()


def test_the_slowest_statements_of_a_database_are_shown_and_a_database_that_does_not_count_is_explained(
    project: Path, database_url: str
):
    counted = run("queries", cwd=project)
    assert counted.returncode == 0, counted.stderr
    assert "CALLS" in counted.stdout.splitlines()[0]
    result = run("queries", cwd=project, DATABASE_URL=database_url)
    assert result.returncode == 1
    assert "shared_preload_libraries" in result.stderr
    wrong = run("queries", cwd=project, DATABASE_URL="mysql://host/name")
    assert wrong.returncode == 1
    assert "Traceback" not in wrong.stderr


async def test_a_statement_is_run_with_its_sample_and_rolled_back(database_url: str):
    connection = await asyncpg.connect(database_url)
    await connection.execute("create table notes (id int, note text)")
    insert = Query("insert into notes (id) values ($1)", int, sample="select 7")
    assert await analyze_sample(connection, Query("select 1", int)) == ""
    assert await analyze_sample(connection, Query("select $1::int", int, sample="select id from notes")) == ""
    assert re.match(r"Insert on notes(?s:.*)Execution Time: [\d.]+ ms$", await analyze_sample(connection, insert))
    assert await connection.fetchval("select count(*) from notes") == 0
    await connection.close()


async def test_the_report_shows_every_statement_and_escapes_what_it_shows(database_url: str):
    connection = await asyncpg.connect(database_url)
    query = Query("select '<script>' as text where 1 < $1", str)
    plan, shown = await plans.explain_statement(connection, query.sql)
    entry = Statement("notes.read_note", query, plan, [], shown)
    await connection.close()
    page = Page("plans", "Plans")
    await asyncio.to_thread(commands.report_statements, [entry], page)
    written = "".join(page.parts)
    assert "notes.read_note" in written
    assert "<script>" not in written
    assert "&lt;script&gt;" in written


def test_recorded_plans_leave_out_what_changes_from_machine_to_machine(tmp_path: Path):
    shown = "Limit  (cost=0.1..2.3 rows=1 width=4)\n  ->  Index Scan using i on t  (cost=0.1..2.3 rows=9 width=4)"
    written = recorded_plans.record_plans(
        [Statement("notes.read_note", Query("select 1", int), None, [], shown)], tmp_path
    )
    assert [path.read_text() for path in written] == ["notes.read_note\n  Limit\n    ->  Index Scan using i on t\n"]


def test_a_slice_has_one_file_with_all_its_statements(tmp_path: Path):
    names = ["notes.a", "notes.parts.b", "notes.z", "other.c"]
    written = recorded_plans.record_plans(
        [Statement(name, Query("select 1", int), None, []) for name in names], tmp_path
    )
    kept = {path.name: [line for line in path.read_text().splitlines() if line in names] for path in written}
    assert kept == {"notes.txt": names[:3], "other.txt": names[3:]}
