import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from service.kit.server.cli import Wiring
from service.settings import Settings
from service_tools.commands.new import new
from service_tools.perf import scenario
from service_tools.scaffold import project
from service_tools.scaffold.project import Project

from tests.kit.processes import ROOT, run

FIELDS = """
    number:text!@ customer:uuid@ total:money fee:money? status:enum(open,paid)@ due:date? rate:decimal!
    paid_on:timestamp@? lines:int urgent:bool@ tags:text[] extra:json?
"""
TABLE = 'create table if not exists public."parcels" (id uuid);\ncreate index things_created_at_idx on parcels (id);\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one slice, one module and a migration, that the command takes for this one."""
    for name in ("src/service/orders", "tests", "migrations"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("__init__", "settings", "orders/__init__"):
        (tmp_path / f"src/service/{name}.py").write_text('"""Something."""\n')
    (tmp_path / "migrations/0041_parcels.sql").write_text(TABLE)
    found = Project(tmp_path / "src/service", tmp_path / "tests", tmp_path / "migrations", tmp_path / "perf")
    monkeypatch.setattr(project, "find", lambda: found)
    return tmp_path


def call(*arguments: str, options: tuple[str, ...] = ("--no-plans",)) -> Result:
    return CliRunner().invoke(new, [*arguments, *options], obj=Wiring(Settings, (), ""))


def read(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_a_slice_consists_of_its_code_its_tests_and_the_next_migration(folder: Path):
    before = read(folder)
    result = call("line_items", "name:text")
    assert result.exit_code == 0, result.output
    assert read(folder).keys() - before.keys() == {
        *(f"src/service/line_items/{name}.py" for name in ("__init__", "model", "queries", "http", "seed")),
        *(f"tests/line_items/{name}.py" for name in ("__init__", "test_line_items")),
        "migrations/0042_line_items.sql",
        "migrations/linted-from",
        "perf/scenarios/line_items.toml",
    }
    assert "from service import …, line_items" in result.output
    assert '"/v1/line-items"' in (folder / "src/service/line_items/http.py").read_text()
    assert (folder / "migrations/linted-from").read_text().startswith("0042 ")


def test_where_the_lint_begins_is_settled_once(folder: Path):
    (folder / "migrations/linted-from").write_text("0007")
    assert call("line_items", "name:text").exit_code == 0
    assert (folder / "migrations/linted-from").read_text() == "0007"


@pytest.mark.parametrize("fields", [FIELDS, "body:text", "at:date!", "amount:money?"])
def test_a_slice_has_a_scenario_that_can_be_read(folder: Path, fields: str):
    assert call("invoices", *fields.split()).exit_code == 0
    made = scenario.read(folder / "perf/scenarios/invoices.toml")
    filters = [f"page by {spec.partition(':')[0]}" for spec in fields.split() if "@" in spec]
    assert [step.name for step in made.steps] == ["read", "first page", "later page", *filters, "create"]


@pytest.mark.parametrize(
    "fields", [FIELDS, "body:text", "at:date!", "amount:money?"], ids=["all", "text", "date", "money"]
)
def test_what_is_made_needs_neither_formatter_nor_linter(folder: Path, fields: str):
    assert call("invoices", *fields.split()).exit_code == 0
    shutil.copytree(project.PACKAGE / "kit", folder / "src/service/kit")  # so that its modules are known to be ours
    for command in (["format", "--diff"], ["check"]):
        line = [sys.executable, "-m", "ruff", *command, "--no-cache", "--config", str(ROOT / "ruff.toml"), "."]
        done = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False, timeout=30)
        assert done.returncode == 0, done.stdout


def test_a_dry_run_prints_everything_and_writes_nothing(folder: Path):
    before = read(folder)
    result = call("invoices", *FIELDS.split(), "--dry-run")
    assert result.exit_code == 0
    assert "class NewInvoice(" in result.output
    assert "0042_invoices.sql" in result.output
    assert read(folder) == before


def test_it_needs_no_settings():
    assert "class NewScaffoldedExample(" in run("new", "scaffolded_examples", "name:text", "--dry-run").stdout


def test_the_same_resource_is_refused_the_second_time(folder: Path):
    assert call("invoices", "number:text").exit_code == 0
    before = read(folder)
    again = call("invoices", "number:text")
    assert (again.exit_code, read(folder)) == (1, before)
    assert "is there already" in again.output


@pytest.mark.parametrize(
    ("order", "message"),
    [
        ("Invoices a:text", "lower_snake_case"),
        ("../invoices a:text", "lower_snake_case"),
        (f"{'x' * 28}s a:text", "28 letters"),
        ("kit a:text", "has this name already"),
        ("types a:text", "has this name already"),
        ("values a:text", "PostgreSQL has this name"),
        ("pg_locks a:text", "PostgreSQL has this name"),
        ("settings a:text", "settings.py is there already"),
        ("orders a:text", "orders is there already"),
        ("parcels a:text", "define parcels already"),
        ("things a:text", "define things_created_at_idx already"),
        ("schema_migrations a:text", "choose another name"),
        ("invoice a:text", "--singular"),
        ("statuses a:text --singular statuses", "must differ"),
        ("invoices a:text --singular Bill", "lower_snake_case"),
        ("requests a:text", "the slice needs the word Request"),
        ("invoices", "No field is given"),
        ("invoices a", "write name:type"),
        ("invoices a:", "write name:type"),
        ("invoices a:string", "text, int, bool"),
        ("invoices a:text()", "write name:type"),
        ("invoices a:text!!", "at most once"),
        ("invoices a:text#", "write name:type"),
        ("invoices a:enum", "list the values"),
        ("invoices a:enum()", "list the values"),
        ("invoices a:enum(x,x)", "list the values"),
        ("invoices a:enum(it's)", "list the values"),
        ("invoices a:enum(x)!", "does not take !"),
        ("invoices a:bool!", "does not take !"),
        ("invoices a:json@", "does not take @"),
        ("invoices a:text[]!", "does not take !"),
        ("invoices a:money@", "two columns"),
        ("invoices A:text", "lower_snake_case"),
        ("invoices _a:text", "lower_snake_case"),
        ("invoices größe:text", "lower_snake_case"),
        (f"invoices {'a' * 29}:text", "28 letters"),
        (f"{'x' * 20}s {'a' * 28}:text@", "PostgreSQL keeps 63"),
        ("invoices class:text", "a word of Python"),
        ("invoices order:text", "a word of SQL"),
        ("invoices ctid:text", "every table"),
        ("invoices bool:text", "hide a type"),
        ("invoices version:int", "every resource has it"),
        ("invoices cursor:text", "a parameter of the list"),
        ("invoices state:text@", "leave @ out"),
        ("invoices a:text a:int", "given twice"),
        ("invoices a:money a_minor:int", "two fields would have this column"),
    ],
)
def test_what_cannot_be_made_is_explained_and_changes_nothing(folder: Path, order: str, message: str):
    before = read(folder)
    result = call(*order.split())
    assert result.exit_code == 1
    assert message in result.output
    assert isinstance(result.exception, SystemExit), "an error without a message"
    assert read(folder) == before


def test_without_a_postgresql_the_slice_is_made_and_the_missing_step_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(folder)
    (folder / ".postgres").write_text("no folder")
    result = call("invoices", "number:text", options=())
    assert result.exit_code == 0
    assert (folder / "src/service/invoices/http.py").exists()
    assert "Their plans are not recorded: PostgreSQL did not start" in result.output
    assert "uv run service plans --record" in result.output


def test_it_is_refused_away_from_the_project(folder: Path):
    (folder / "tests").rmdir()
    assert "only in the project's own folder" in call("invoices", "a:text").output


def test_another_singular_can_be_given(folder: Path):
    assert call("news", "title:text", "--singular", "news_item").exit_code == 0
    assert "class NewNewsItem(" in (folder / "src/service/news/model.py").read_text()


def test_its_help_has_an_example():
    assert "service new invoices" in call("--help").output
