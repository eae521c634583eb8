"""Each command is found, explains itself, and says what it lacks."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import click
import pytest
from click.testing import CliRunner
from service.kit.commands import cli, development, psql
from service.kit.commands.routes import list_routes
from service.kit.web.routes import PUBLIC, Rate, Routes, Slice

from tests.kit.processes import run


@pytest.mark.parametrize("name", sorted(cli.COMMANDS))
def test_every_module_of_the_commands_has_the_command_of_its_name(name: str):
    command = cli.service.get_command(click.Context(cli.service), name)
    assert isinstance(command, click.Command)
    assert command.name == name
    assert command.help


def test_an_unknown_command_is_none():
    assert cli.service.get_command(click.Context(cli.service), "unknown") is None


@pytest.mark.parametrize("arguments", [[], ["migrate"], ["jobs"]])
def test_no_summary_is_cut(arguments: list[str]):
    result = run(*arguments, "--help", COLUMNS="70")
    assert "Commands:" in result.stdout
    assert "..." not in result.stdout.partition("Commands:")[2]


def test_the_routes_are_listed_with_who_may_call_them():
    listed = [line.split() for line in run("routes").stdout.splitlines()]
    assert listed[0] == ["METHOD", "PATH", "ACCESS", "LIMIT", "FUNCTION"]
    assert ["POST", "/v1/sessions", "anyone"] in [line[:3] for line in listed]
    rows = {(row["method"], row["path"]): row for row in json.loads(run("routes", "--json").stdout)}
    assert rows["POST", "/v1/sessions"]["access"] == "anyone"
    assert rows["GET", "/v1/accounts/me"] == {
        "method": "GET",
        "path": "/v1/accounts/me",
        "access": "token",
        "limit": "-",
        "function": "service.accounts.http.read_account",
    }


def test_a_route_is_listed_with_its_rate():
    routes = Routes("/notes", access=PUBLIC, limit=Rate(100, per=60))

    @routes.get("")
    async def read() -> None: ...

    definition = SimpleNamespace(slices=[Slice(routes)])
    assert "anyone  100/60s  " in CliRunner().invoke(list_routes, obj=definition).output
    (row,) = json.loads(CliRunner().invoke(list_routes, ["--json"], obj=definition).output)
    assert row["limit"] == "100/60s"


def test_routes_that_share_a_rate_are_listed_as_such():
    rate = Rate(100, per=60)
    routes = Routes("/notes", access=PUBLIC, limit=rate)

    async def read() -> None: ...

    routes.get("")(read)
    routes.post("")(read)
    routes.get("/own", limit=rate)(read)
    definition = SimpleNamespace(slices=[Slice(routes)])
    listed = json.loads(CliRunner().invoke(list_routes, ["--json"], obj=definition).output)
    assert [row["limit"] for row in listed] == ["100/60s together", "100/60s together", "100/60s"]


def test_a_rate_over_all_workers_is_listed_as_shared():
    routes = Routes("/notes", access=PUBLIC, limit=Rate(100, per=60, shared=True))

    @routes.get("")
    async def read() -> None: ...

    definition = SimpleNamespace(slices=[Slice(routes)])
    (row,) = json.loads(CliRunner().invoke(list_routes, ["--json"], obj=definition).output)
    assert row["limit"] == "100/60s shared"


def test_psql_opens_the_database_and_shows_no_password(database_url: str):
    url = database_url.replace("//postgres@", "//postgres:s%3Fcret@").replace("//postgres:@", "//postgres:s%3Fcret@")
    shown = run(
        "psql", "-At", "-c", "select current_database()", "-c", "\\! tr \\\\0 + < /proc/$PPID/cmdline", DATABASE_URL=url
    )
    assert shown.stdout.startswith("service_test_"), shown.stderr
    assert "+select current_database()+" in shown.stdout, "the command line of psql"
    assert "cret" not in shown.stdout
    assert run("psql", "-c", "select nonsense", DATABASE_URL=url).returncode == 1


def test_psql_goes_past_a_pooler(database_url: str):
    settings = {"DATABASE_URL": "postgresql://127.0.0.1:1/pooled", "DATABASE_DIRECT_URL": database_url}
    shown = run("psql", "-At", "-c", "select current_database()", **settings)
    assert shown.stdout.startswith("service_test_"), shown.stderr


def test_where_there_is_no_psql_it_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(development, "find_spec", lambda _: None)
    with pytest.raises(click.ClickException, match="uv sync"):
        psql.find_psql()


def test_a_command_whose_packages_are_missing_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    for name in [name for name in sys.modules if name.startswith("service_tools.scaffold")]:
        monkeypatch.delitem(sys.modules, name)
    runner = CliRunner()
    for arguments in (["new", "orders", "a:text!"], ["new", "--help"]):
        result = runner.invoke(cli.service, arguments)
        assert (result.exit_code, "run `uv sync`, without `--no-dev`, which installs jinja2" in result.output) == (
            1,
            True,
        )
    listed = runner.invoke(cli.service, ["--help"])
    assert listed.exit_code == 0
    assert "new        For development: run `uv sync`" in listed.output


def test_the_version_is_that_of_the_service():
    assert run("--version").stdout.startswith("my-service 0.1.0, Python 3.")


def test_variables_come_from_a_file_that_is_named(tmp_path: Path):
    (tmp_path / "variables").write_text("SERVER_PORT=x\nDATABASE_URL=postgresql://me@host/name\n")
    result = run("--env-file", str(tmp_path / "variables"), "serve")
    assert "SERVER_PORT: Input should be a valid integer" in result.stderr
    assert "DATABASE_URL" not in result.stderr


def test_production_reads_no_file_of_development_and_other_commands_do(tmp_path: Path):
    (tmp_path / ".env").write_text("DATABASE_URL=postgresql://me@127.0.0.1:1/name\n")
    (tmp_path / ".env.development").write_text("SERVER_PORT=x\n")
    assert "DATABASE_URL: it is required" in run("serve", cwd=tmp_path).stderr
    result = run("migrate", "--list", cwd=tmp_path)
    assert "SERVER_PORT: Input should be a valid integer" in result.stderr
    assert "DATABASE_URL" not in result.stderr
