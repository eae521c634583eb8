import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest
from click.testing import CliRunner, Result
from service.kit.commands.definition import ServiceDefinition
from service.kit.work.command_error import CommandError
from service.settings import Settings
from service_tools.perf import scenario
from service_tools.scaffold import project, resource, words
from service_tools.scaffold.commands import new_slice

from tests.kit.processes import ROOT, run

FIELDS = """
    number:text!@ customer:uuid@ total:money fee:money? status:enum(open,paid)@ due:date? rate:decimal!
    paid_on:timestamp@? lines:int=1 urgent:bool@=false tags:text[] extra:json? parcel:references:parcels title:text(80)
"""
TABLE = """\
create table parcels (
    id      uuid not null,
    account text not null
);
create index things_created_at_idx on parcels (id);
create table public."boxes" (id int);
"""
ROUTES = """\
routes = Routes(
    "/api/parcels", access=NEEDS_TOKEN
)
@routes.get("/{parcel_id:uuid}", summary="Read a parcel")
"""
APP = '''\
"""The map."""

from service import accounts, parcels
from service.kit.server import logs

SLICES = (accounts.SLICE, parcels.SLICE)
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a slice, a module and a migration, that the command takes for this one."""
    for name in ("src/service/parcels", "tests", "migrations"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("__init__", "settings", "parcels/__init__", "parcels/seed"):
        (tmp_path / f"src/service/{name}.py").write_text('"""Something."""\n')
    (tmp_path / "src/service/parcels/http.py").write_text(ROUTES)
    (tmp_path / "src/service/app.py").write_text(APP)
    (tmp_path / "migrations/0041_parcels.sql").write_text(TABLE)
    for name in ("ruff.toml", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    monkeypatch.setattr(project, "find_root", lambda: tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_new(*arguments: str, options: tuple[str, ...] = ("--no-plans",)) -> Result:
    return CliRunner().invoke(new_slice, [*arguments, *options], obj=ServiceDefinition(Settings, (), ""))


def make_slice(*arguments: str) -> str:
    result = run_new(*arguments)
    assert result.exit_code == 0, result.output
    return result.output


def read_migration(folder: Path) -> str:
    return (folder / "migrations/0042_invoices.sql").read_text()


def read_files(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_a_slice_consists_of_its_code_its_tests_and_the_next_migration(folder: Path):
    before = read_files(folder)
    make_slice("line_items", "name:text")
    assert read_files(folder).keys() - before.keys() == {
        *(f"src/service/line_items/{name}.py" for name in ("__init__", "model", "queries", "http", "seed")),
        *(f"tests/line_items/{name}.py" for name in ("__init__", "test_line_items")),
        "migrations/0042_line_items.sql",
        "perf/scenarios/line_items.toml",
    }
    assert '"/v1/line-items"' in (folder / "src/service/line_items/http.py").read_text()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "from service import accounts, parcels\n",
            "from service import accounts, invoices, parcels\n",
        ),
        (
            "from service import (\n    accounts,\n    parcels,\n)\n\n",
            "from service import accounts, invoices, parcels\n\n",
        ),
        ("", "from service import invoices\n"),
    ],
)
def test_the_slice_is_imported_where_app_py_is_as_expected(folder: Path, before: str, after: str):
    app = folder / "src/service/app.py"
    text = APP.replace('"""The map."""', "'Not as ruff would quote it.'")
    app.write_text(text.replace("from service import accounts, parcels\n", before))
    assert "added to src/service/app.py" in make_slice("invoices", "name:text")
    listed = "SLICES = (accounts.SLICE, parcels.SLICE, invoices.SLICE)"
    text = text.replace("SLICES = (accounts.SLICE, parcels.SLICE)", listed)
    assert app.read_text() == text.replace("from service import accounts, parcels\n", after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("()", "(invoices.SLICE,)"),
        ("(parcels.SLICE,)", "(parcels.SLICE, invoices.SLICE)"),
        ("(\n    accounts.SLICE,\n    parcels.SLICE,\n)", "(accounts.SLICE, parcels.SLICE, invoices.SLICE)"),
    ],
)
def test_the_slice_is_added_to_those_that_are_there(folder: Path, before: str, after: str):
    app = folder / "src/service/app.py"
    app.write_text(APP.replace("(accounts.SLICE, parcels.SLICE)", before))
    make_slice("invoices", "name:text")
    text = APP.replace("accounts, parcels\n", "accounts, invoices, parcels\n")
    assert app.read_text() == text.replace("(accounts.SLICE, parcels.SLICE)", after)


@pytest.mark.parametrize(
    "change",
    [
        ("SLICES = (", "SLICES: tuple = ("),
        ("SLICES = (accounts.SLICE, parcels.SLICE)", "SLICES = (accounts.SLICE, parcels.SLICE)  # both"),
        ("SLICES = (accounts.SLICE, parcels.SLICE)", "SLICES = tuple([])"),
        ("from service import", "from service import settings\nfrom service import"),
    ],
)
def test_what_to_add_is_printed_where_app_py_is_another(folder: Path, change: tuple[str, str]):
    app = folder / "src/service/app.py"
    app.write_text(text := APP.replace(*change))
    assert "SLICES = (…, invoices.SLICE)" in make_slice("invoices", "name:text")
    assert app.read_text() == text


@pytest.mark.parametrize(
    ("options", "fields"), [((), FIELDS), (("--filters=status,customer",), FIELDS), ((), "at:date!")]
)
def test_a_slice_has_a_scenario_that_can_be_read(folder: Path, options: tuple[str, ...], fields: str):
    make_slice("invoices", *fields.split(), *options)
    made = scenario.read_scenario(folder / "perf/scenarios/invoices.toml")
    filtered = [f"page by {spec.partition(':')[0]}" for spec in fields.split() if "@" in spec]
    more = [
        *(["page by parcel_id"] if "parcel" in fields else []),
        *(["page by status and customer"] if options else []),
    ]
    assert [step.name for step in made.steps] == ["read", "first page", "later page", *filtered, *more, "create"]


@pytest.mark.parametrize(
    "order",
    [
        FIELDS,
        f"{FIELDS} --export --filters=number,status --unique=lines,customer",
        "body:text --shared",
        "at:date!",
        "amount:money?",
        "above:references:invoices? code:text(4)=it's --in=parcels",
        "note:text?=x parcel:references:parcels --unique=note,parcel_id",
    ],
)
def test_what_is_made_needs_neither_formatter_nor_linter(folder: Path, order: str):
    make_slice("invoices", *order.split())
    for command in (["format", "--diff"], ["check"]):
        line = [sys.executable, "-m", "ruff", *command, "--no-cache", "src/service/invoices", "tests"]
        done = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False, timeout=30)
        assert done.returncode == 0, done.stdout


def test_a_slice_of_eight_fields_is_short(folder: Path):
    order = "number:text! customer:uuid@ total:int status:enum(open,paid)@ due:date? tags:text[] note:text? lines:int"
    make_slice("invoices", *order.split())
    assert sum(path.read_text().count("\n") for path in (folder / "src/service/invoices").glob("*.py")) <= 260
    assert (folder / "tests/invoices/test_invoices.py").read_text().count("\n") <= 170


def test_rows_belong_to_accounts_unless_they_are_shared(folder: Path):
    assert "No other account can reach them" in make_slice("invoices", "number:text!@")
    assert "unique (account, number)" in (folder / "migrations/0042_invoices.sql").read_text()
    assert "Everybody with a token can read, change and delete all notes" in make_slice(
        "notes", "body:text!", "--shared"
    )
    for path in [*folder.glob("src/service/notes/*.py"), folder / "migrations/0043_notes.sql"]:
        assert "account" not in path.read_text().lower()


def test_a_default_is_that_of_the_table_and_of_the_body(folder: Path):
    make_slice("invoices", "count:int@=-1", "rate:decimal=1.5", "paid:bool=true", "state:enum(a,b)=b", "why:text?=it's")
    migration = (folder / "migrations/0042_invoices.sql").read_text()
    for line in (
        "count bigint not null default -1,",
        "rate numeric(20, 6) not null default 1.5,",
        "paid boolean not null default true,",
        "state text not null default 'b',",
        "why text default 'it''s',",
    ):
        assert f"    {line}\n" in migration
    model = (folder / "src/service/invoices/model.py").read_text()
    for line in (
        "count: Integer = -1",
        'rate: Numeric = Decimal("1.5")',
        "paid: bool = True",
        'state: State = "b"',
        'why: Text | None = "it\'s"',
    ):
        assert f"    {line}\n" in model


def test_a_length_is_that_of_the_table_and_of_the_bodies(folder: Path):
    make_slice("invoices", "title:text(80)", "name:text(80)", "code:text(200)")
    assert "constraint invoices_title_check check (char_length(title) <= 80)" in read_migration(folder)
    model = (folder / "src/service/invoices/model.py").read_text()
    assert model.count("Text80 = Annotated[str, Meta(min_length=1, max_length=80, ") == 1
    http = (folder / "src/service/invoices/http.py").read_text()
    assert 'partial(invalid, "title", "it must have 80 characters at most")' in http


def test_columns_can_be_unique_together(folder: Path):
    make_slice("invoices", "number:int", "year:int", "kind:enum(a,b)", "--unique=number,year", "--unique=kind,year")
    migration = read_migration(folder)
    assert "constraint invoices_number_year_key unique (account, number, year)" in migration
    assert "constraint invoices_kind_year_key unique (account, kind, year)" in migration
    http = (folder / "src/service/invoices/http.py").read_text()
    key = '"invoices_number_year_key": partial(conflict, ("number", "year"), "another of your invoices has the same"),'
    assert key in http
    seed = (folder / "src/service/invoices/seed.py").read_text()
    assert '"year": number,' in seed  # or else the eleventh row would conflict
    assert '"number": number,' in seed


def test_rows_are_nested_in_those_of_another_slice(folder: Path):
    output = make_slice("line_items", "sku:text!", "above:references:line_items?", "--in=parcels")
    assert "/api/parcels/{parcel_id}/line-items" in output
    migration = (folder / "migrations/0042_line_items.sql").read_text()
    assert "unique (parcel_id, account, sku)" in migration
    assert "foreign key (parcel_id) references parcels (id) on delete restrict" in migration
    assert "check (above_id <> id)" in migration
    assert "on line_items (parcel_id, account, created_at, id);" in migration
    queries = (folder / "src/service/line_items/queries.py").read_text()
    assert queries.count("where id = $3 and parcel_id = $2 and account = $1") == 3
    model = (folder / "src/service/line_items/model.py").read_text()
    assert model.count("parcel_id") == 1  # that of a row: no body sets or changes it
    scenario.read_scenario(folder / "perf/scenarios/line_items.toml")


def test_a_slice_that_is_nested_can_have_none_nested_in_it(folder: Path):
    make_slice("line_items", "sku:text!", "--in=parcels")
    refused = run_new("notes", "body:text", "--in=line_items")
    assert "is not nested itself" in str(refused.exception)


def test_pairs_of_references_have_no_load_test_that_creates_them(folder: Path):
    make_slice("links", "parcel:references:parcels", "other:references:parcels", "--unique", "parcel_id,other_id")
    made = scenario.read_scenario(folder / "perf/scenarios/links.toml")
    assert "create" not in [step.name for step in made.steps]
    assert "limit 10000" in (folder / "src/service/links/queries.py").read_text()


def test_the_filters_that_the_list_takes_are_printed(folder: Path):
    output = make_slice("invoices", *FIELDS.split(), "--filters=status,customer")
    assert "The list takes no filter, or number, or customer, or status, " in output
    assert "or status and customer." in output
    assert "(account, status, customer, created_at, id)" in (folder / "migrations/0042_invoices.sql").read_text()


def test_it_needs_no_settings():
    assert "No field is given" in run("new", "scaffolded_examples").stderr


def test_the_same_resource_is_refused_the_second_time(folder: Path):
    make_slice("invoices", "number:text")
    before = read_files(folder)
    again = run_new("invoices", "number:text")
    assert (again.exit_code, read_files(folder)) == (1, before)
    assert "is there already" in str(again.exception)


@pytest.mark.parametrize("place", ["src/service/invoices", "tests/invoices"])
def test_what_python_left_behind_takes_no_name(folder: Path, place: str):
    left = folder / place / "__pycache__/http.cpython-313.pyc"
    left.parent.mkdir(parents=True)
    left.touch()
    make_slice("invoices", "number:text")
    assert (folder / place / "__init__.py").is_file()


def test_what_is_asked_of_a_table_that_two_fields_refer_to_is_written_once(folder: Path):
    make_slice("transfers", "source:references:parcels", "target:references:parcels")
    queries = (folder / "src/service/transfers/queries.py").read_text()
    assert queries.count("from parcels\n") == 2
    seed = (folder / "src/service/transfers/seed.py").read_text()
    assert (seed.count("queries.source_ids"), seed.count("queries.target_ids")) == (2, 0)


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
        ("parcels a:text", "parcels is there already"),
        ("logs a:text", "app.py uses this name"),
        ("boxes a:text --singular box", "define boxes already"),
        ("things a:text", "define things_created_at_idx already"),
        ("schema_migrations a:text", "choose another name"),
        ("invoice a:text", "--singular"),
        ("series a:text", "--singular"),
        ("statuses a:text --singular statuses", "must differ"),
        ("invoices a:text --singular Bill", "lower_snake_case"),
        ("structs a:text", "two things called Struct"),
        ("invoices text:enum(a) b:text", "two things called Text"),
        ("invoices", "No field is given"),
        ("invoices a", "write name:type"),
        ("invoices a:", "write name:type"),
        ("invoices a:string", "text, int, bool"),
        ("invoices a:text()", "write name:type"),
        ("invoices a:text(0)", "a text has 1 to 9999 characters"),
        ("invoices a:text(10000)", "a text has 1 to 9999 characters"),
        ("invoices a:int(8)", "write name:type"),
        ("invoices a:text(301)@", "does not take @: an index has no room"),
        ("invoices a:text(19)!", "does not take !: with less than 20"),
        ("invoices a:int=", "write name:type"),
        ("invoices a:int=x", "cannot have this default"),
        ("invoices a:int=0@", "written last, as in count:int@=0"),
        ("invoices a:int!=0", "a unique field has none"),
        ("invoices a:bool=True", "paid:bool=false"),
        ("invoices a:decimal=1e3", "cannot have this default"),
        ("invoices a:text(3)=long", "cannot have this default"),
        ("invoices a:enum(x,y)=z", "cannot have this default"),
        ("invoices a:enum(x)x)", "write name:type"),
        ("invoices a:date=2026-01-01", "text, int, bool, decimal or enum"),
        ("invoices a:references:parcels=x", "cannot have this default"),
        ("invoices a:int b:int --unique=a", "at least two of these fields: a, b"),
        ("invoices a:int b:int --unique=a,c", "at least two of these fields: a, b"),
        ("invoices a:int! b:text(301) c:json d:int --unique=a,d", "fields: d. --filters takes those marked with @"),
        ("invoices a:int b:int --unique=a,b --unique=b,a", "two combinations are the same"),
        ("invoices a:enum(x) b:bool --unique=a,b", "Add a field like number:int"),
        ("invoices a:enum(x) --in=parcels --unique=parcel_id,a", "Add a field like number:int"),
        ("invoices a:int --in=accounts", "has no routes like /v1/orders and /{order_id:uuid}"),
        ("invoices a:int --in=boxes", "has no routes like"),
        ("invoices parcel:references:parcels --in=parcels", "two fields would have this column"),
        ("invoices a:int --in=parcels --shared", "cannot be shared"),
        ("invoices a:text:parcels", "write name:type"),
        ("invoices a:references", "write name:type"),
        ("invoices a:text!!", "at most once"),
        ("invoices a:text#", "write name:type"),
        ("invoices a:text\n", "write name:type"),
        ("invoices a:enum", "write name:type"),
        ("invoices a:enum()", "list the values"),
        ("invoices a:enum(x,x)", "list the values"),
        ("invoices a:enum(it's)", "list the values"),
        ("invoices a:enum(x)!", "does not take !"),
        ("invoices a:bool!", "does not take !"),
        ("invoices a:json@", "does not take @"),
        ("invoices a:text[]!", "does not take !"),
        ("invoices a:money@", "two columns"),
        ("invoices a:references:parcels!", "does not take !"),
        ("invoices a:references:orders", "no migration creates a table"),
        ("invoices a:references:boxes", "no migration creates a table"),
        ("invoices a:references:parcels --shared", "cannot be shared"),
        ("invoices a:references:invoices", "the first row would have none to refer to"),
        ("invoices a:text@ b:text --filters=a,b", "at least two of these fields: a"),
        ("invoices a:text@ b:text@ --filters=a", "at least two of these fields: a, b"),
        ("invoices a:text@ b:text@ --filters=a,b --filters=b,a", "two combinations are the same"),
        ("invoices A:text", "lower_snake_case"),
        ("invoices a\n:text", "lower_snake_case"),
        ("invoices _a:text", "lower_snake_case"),
        ("invoices größe:text", "lower_snake_case"),
        (f"invoices {'a' * 29}:text", "28 letters"),
        (f"{'x' * 20}s {'a' * 20}:text@ {'b' * 20}:text@ --filters={'a' * 20},{'b' * 20}", "PostgreSQL keeps 63"),
        ("invoices class:text", "a Python keyword"),
        ("invoices order:text", "an SQL keyword"),
        ("invoices ctid:text", "every PostgreSQL table"),
        ("invoices bool:text", "hide a Python type"),
        ("invoices version:int", "every resource has it"),
        ("invoices account:text", "every resource has it"),
        ("invoices cursor:text@", "leave @ out"),
        ("invoices sort:text@", "leave @ out"),
        ("invoices a:text a:int", "two fields would have this column"),
        ("invoices a:money a_minor:int", "two fields would have this column"),
    ],
)
def test_what_cannot_be_made_is_explained_and_changes_nothing(folder: Path, order: str, message: str):
    before = read_files(folder)
    result = run_new(*order.split(" "))
    assert result.exit_code == 1
    assert message in str(result.exception)
    assert read_files(folder) == before


@pytest.mark.parametrize("field", ["caller", "db", "key", "data", "state", "exports", "cursor", "request"])
def test_no_field_can_collide_with_what_the_handlers_take(folder: Path, field: str):
    make_slice("invoices", f"{field}:text" if field == "cursor" else f"{field}:text@")


def test_without_a_postgresql_the_slice_is_made_and_the_missing_step_is_named(folder: Path):
    (folder / ".postgres").write_text("no folder")
    result = run_new("invoices", "number:text", options=())
    assert result.exit_code == 0
    assert (folder / "src/service/invoices/http.py").exists()
    assert "not recorded: PostgreSQL did not start" in result.output
    assert "uv run service plans --record" in result.output


def test_it_is_refused_away_from_the_project(folder: Path):
    (folder / "tests").rmdir()
    assert "only in the project's own folder" in str(run_new("invoices", "a:text").exception)


def test_another_singular_can_be_given(folder: Path):
    make_slice("news", "title:text", "--singular", "news_item")
    assert "class NewNewsItem(" in (folder / "src/service/news/model.py").read_text()


def test_the_examples_of_its_help_are_slices(folder: Path):
    make_slice("orders", "number:text!")
    examples = [line for line in run_new("--help").output.splitlines() if line.startswith("    service new ")]
    assert len(examples) == 4
    for example in examples:
        make_slice(*shlex.split(example)[2:])


@pytest.mark.parametrize(
    ("plural", "singular"),
    [
        ("invoices", "invoice"),
        ("categories", "category"),
        ("line_items", "line_item"),
    ],
)
def test_the_singular_of_a_regular_plural_is_known(plural: str, singular: str):
    assert resource.find_singular(plural, None) == singular


@pytest.mark.parametrize(
    "plural",
    [
        "series",
        "movies",
        "caches",
        "statuses",
        "addresses",
        "houses",
        "boxes",
        "news",
        "analyses",
        "shoes",
        "people",
        "data",
    ],
)
def test_a_singular_that_is_not_clear_is_asked_for(plural: str):
    with pytest.raises(CommandError, match="--singular"):
        resource.find_singular(plural, None)


async def test_every_word_that_postgresql_would_quote_is_known(database_url: str):
    connection = await asyncpg.connect(database_url)
    quoted = {word for (word,) in await connection.fetch("select word from pg_get_keywords() where catcode <> 'U'")}
    later = connection.get_server_version().major > 18
    await connection.close()
    assert later or quoted == words.SQL
