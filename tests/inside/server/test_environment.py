from pathlib import Path

import pytest
from service.kit.auth.issuer import IssuerOptions
from service.kit.db import choose_pool_size
from service.kit.migrate.migrate import MigrationOptions
from service.kit.offload import share_cores
from service.kit.server import environment
from service.kit.server.environment import SettingsError
from service.settings import Settings

ROOT = Path(__file__).parents[2]
URL = "postgresql://me:hidden@host/name"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take all variables away but the keys for tokens, which the tests have to set where the service checks any."""
    for name, _, _ in environment.variables(Settings):
        if not name.startswith("AUTH_"):
            monkeypatch.delenv(name, raising=False)


def test_all_problems_are_named_at_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SERVER_PORT", "70000")
    monkeypatch.setenv("LOG_LEVEL", "loud")
    with pytest.raises(SettingsError) as caught:
        environment.read(Settings)
    lines = str(caught.value).splitlines()[1:]
    assert [line.split(":")[0].strip() for line in lines] == ["DATABASE_URL", "LOG_LEVEL", "SERVER_PORT"]
    assert "required" in lines[0]


def test_an_option_is_read_from_its_variable(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setenv("DATABASE_POOL_SIZE", "7")
    settings = environment.read(Settings)
    assert settings.database.pool_size == 7
    assert settings.database.url.get_secret_value() == URL
    assert "hidden" not in repr(settings)


def test_a_variable_named_like_a_group_is_refused_by_name(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setenv("LOG", "/var/log")
    with pytest.raises(SettingsError, match="unset LOG"):
        environment.read(Settings)


def test_every_kit_variable_but_the_database_has_a_default_and_each_has_a_description():
    variables = list(environment.variables(environment.Environment))
    assert [name for name, default, _ in variables if default is ...] == ["DATABASE_URL"]
    assert all(description for _, _, description in variables)


def test_a_size_that_depends_on_the_cores_is_listed_as_it_is_chosen(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATABASE_URL", URL)
    listed = {name: default for name, default, _ in environment.variables(Settings)}
    settings = environment.read(Settings)
    assert listed["DATABASE_POOL_SIZE"] == settings.database.pool_size == choose_pool_size(workers=1)
    assert listed["OFFLOAD_PROCESSES"] == settings.offload.processes == share_cores(workers=1)
    monkeypatch.setenv("SERVER_WORKERS", "2")
    monkeypatch.setenv("OFFLOAD_PROCESSES", "3")
    settings = environment.read(Settings)
    assert settings.database.pool_size == choose_pool_size(workers=2)
    assert settings.offload.processes == 3


class Own(environment.Environment):
    migrations: MigrationOptions = MigrationOptions(folder=Path("elsewhere"))
    auth: IssuerOptions


def test_a_command_can_do_without_the_groups_of_the_service_and_still_has_its_defaults(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.delenv("AUTH_SIGNING_KEY", raising=False)
    with pytest.raises(SettingsError, match="AUTH_SIGNING_KEY"):
        environment.read(Own)
    settings = environment.read(environment.narrow(Own))
    assert (settings.migrations.folder, settings.database.url.get_secret_value()) == (Path("elsewhere"), URL)
