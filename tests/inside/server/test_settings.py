import os
from pathlib import Path

import pytest
from pydantic import SecretStr
from service.kit.auth.keys import IssuerOptions
from service.kit.db.capacity import choose_pool_size
from service.kit.migrate.files import MigrationOptions
from service.kit.offload.offload import share_cores
from service.kit.server.settings import (
    KitSettings,
    SettingsError,
    is_set,
    list_variables,
    load_env_files,
    narrow_settings,
    read_settings,
)
from service.settings import Settings

ROOT = Path(__file__).parents[2]
URL = "postgresql://me:hidden@host/name"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take all variables away but the keys for tokens, which the tests have to set where the service checks any."""
    for name, _, _ in list_variables(Settings):
        if not name.startswith("AUTH_"):
            monkeypatch.delenv(name, raising=False)


def test_all_problems_are_named_at_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SERVER_PORT", "70000")
    monkeypatch.setenv("LOG_LEVEL", "loud")
    with pytest.raises(SettingsError) as caught:
        read_settings(Settings)
    lines = str(caught.value).splitlines()[1:]
    assert [line.split(":")[0].strip() for line in lines] == ["DATABASE_URL", "LOG_LEVEL", "SERVER_PORT"]
    assert "required" in lines[0]


def test_an_option_is_read_from_its_variable(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setenv("DATABASE_POOL_SIZE", "7")
    settings = read_settings(Settings)
    assert settings.database.pool_size == 7
    assert settings.database.url.get_secret_value() == URL
    assert "hidden" not in repr(settings)


def test_a_variable_named_like_a_group_is_refused_by_name(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setenv("LOG", "/var/log")
    with pytest.raises(SettingsError, match="LOG: unset it; settings are named LOG_SOMETHING"):
        read_settings(Settings)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("EDGE_BODYBYTES", "EDGE_BODY_BYTES"),
        ("DATABASE_POOLSIZE", "DATABASE_POOL_SIZE"),
        ("LOG_LEVELS", "LOG_LEVEL"),
        ("SERVER_PROT", "SERVER_PORT"),
    ],
)
def test_a_misspelt_variable_is_refused_with_the_nearest_name(name: str, meant: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setenv(name, "1")
    with pytest.raises(SettingsError, match=f"{name}: there is no such setting; did you mean {meant}?"):
        read_settings(Settings)


def test_a_variable_of_others_that_only_begins_like_ours_is_let_alone(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATABASE_URL", URL)
    for name in ("LOG_DIR", "SERVER_SOFTWARE", "DATABASE_SERVICE_HOST", "METRICS_PORT_9464_TCP_ADDR", "EDGES"):
        monkeypatch.setenv(name, "1")
    read_settings(Settings)


def test_files_set_what_is_not_set_yet_and_the_first_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    for name, value in {"LOG_LEVEL": "error", "SERVER_PORT": "", "EDGE_HOSTS": ""}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SERVER_PORT")
    monkeypatch.delenv("EDGE_HOSTS")
    (tmp_path / ".env").write_text("LOG_LEVEL=debug\nSERVER_PORT=1234  # mine\n")
    (tmp_path / ".env.development").write_text("SERVER_PORT=4321\nEDGE_HOSTS='a.test'\n")
    load_env_files(tmp_path / ".env", tmp_path / ".env.development", tmp_path / "missing")
    assert [os.environ[name] for name in ("LOG_LEVEL", "SERVER_PORT", "EDGE_HOSTS")] == ["error", "1234", "a.test"]


def test_every_kit_variable_but_the_database_has_a_default_and_each_has_a_description():
    variables = list(list_variables(KitSettings))
    assert [name for name, default, _ in variables if default is ...] == ["DATABASE_URL"]
    assert all(description for _, _, description in variables)


def test_a_size_that_depends_on_the_cores_is_listed_as_it_is_chosen(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATABASE_URL", URL)
    listed = {name: default for name, default, _ in list_variables(Settings)}
    settings = read_settings(Settings)
    assert listed["DATABASE_POOL_SIZE"] == settings.database.pool_size == choose_pool_size(workers=1)
    assert listed["OFFLOAD_PROCESSES"] == settings.offload.processes == share_cores(workers=1)
    monkeypatch.setenv("SERVER_WORKERS", "2")
    monkeypatch.setenv("OFFLOAD_PROCESSES", "3")
    settings = read_settings(Settings)
    assert settings.database.pool_size == choose_pool_size(workers=2)
    assert settings.offload.processes == 3


def test_event_streams_leave_connections_for_requests(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setenv("EDGE_STREAMS", "1024")
    with pytest.raises(SettingsError, match=r"EDGE_STREAMS \(1024\) must be less than SERVER_CONNECTIONS \(1024\)"):
        read_settings(Settings)
    monkeypatch.setenv("SERVER_CONNECTIONS", "1025")
    assert read_settings(Settings).edge.streams == 1024
    monkeypatch.setenv("SERVER_WEBSOCKETS", "true")
    both = r"EDGE_STREAMS \(1024\) and EDGE_SOCKETS \(100\) must be less than SERVER_CONNECTIONS \(1025\)"
    with pytest.raises(SettingsError, match=both):
        read_settings(Settings)
    monkeypatch.setenv("SERVER_CONNECTIONS", "1125")
    assert read_settings(Settings).edge.sockets == 100


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATABASE_URL", "")
    assert not is_set("DATABASE_URL")
    monkeypatch.setenv("DATABASE_URL_FILE", "/run/secrets/url")
    assert is_set("DATABASE_URL")


@pytest.mark.parametrize(
    ("name", "wrong", "right"),
    [
        ("EDGE_HOSTS", "https://api.example.com", "api.example.com, [::1]"),
        ("EDGE_HOSTS", "api.example.com:8000", ""),
        ("TRACES_ENDPOINT", "localhost:4318", "http://localhost:4318"),
    ],
)
def test_what_would_fail_only_after_the_start_is_refused_before(
    name: str, wrong: str, right: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setenv(name, wrong)
    with pytest.raises(SettingsError, match=name):
        read_settings(Settings)
    monkeypatch.setenv(name, right)
    read_settings(Settings)


class Single(KitSettings):
    page_size: int = 20
    """rows on a page"""
    shop_key: SecretStr
    """key of the shop"""
    log_folder: str | None = None


def test_a_field_that_is_no_group_is_a_variable_by_itself(monkeypatch: pytest.MonkeyPatch):
    listed = {name: (default, text) for name, default, text in list_variables(Single)}
    assert listed["PAGE_SIZE"] == (20, "rows on a page")
    assert listed["SHOP_KEY"] == (..., "key of the shop")
    monkeypatch.setenv("DATABASE_URL", URL)
    with pytest.raises(SettingsError, match=r"SHOP_KEY: it is required \(key of the shop\)"):
        read_settings(Single)
    for name, value in {"SHOP_KEY": "hidden", "PAGE_SIZE": "7", "LOG_FOLDER": "/var/log", "LOG_LEVEL": "error"}.items():
        monkeypatch.setenv(name, value)
    settings = read_settings(Single)
    assert (settings.page_size, settings.log_folder, settings.log.level) == (7, "/var/log", "error")
    assert "hidden" not in repr(settings)
    monkeypatch.setenv("PAGE_SIZE", "many")
    with pytest.raises(SettingsError, match="PAGE_SIZE: Input should be a valid integer"):
        read_settings(Single)


class Own(KitSettings):
    migrations: MigrationOptions = MigrationOptions(folder=Path("elsewhere"))
    auth: IssuerOptions


def test_a_command_can_do_without_the_groups_of_the_service_and_still_has_its_defaults(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.delenv("AUTH_SIGNING_KEY", raising=False)
    with pytest.raises(SettingsError, match="AUTH_SIGNING_KEY"):
        read_settings(Own)
    settings = read_settings(narrow_settings(Own))
    assert (settings.migrations.folder, settings.database.url.get_secret_value()) == (Path("elsewhere"), URL)
