"""Secrets come from files, every fault of such a file is named, and a changed file is taken up."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import pytest
import structlog
from inside.secrets.certificates import Authority
from prometheus_client import REGISTRY
from pydantic import BaseModel, Field, SecretStr
from service.kit.auth import keys
from service.kit.auth.key_set import KeySet, UnknownKeyError
from service.kit.auth.keys import IssuerOptions
from service.kit.server.settings import KitSettings, SettingsError, list_names, read_settings
from service.kit.work import secret_files
from service.settings import Settings

from tests.kit.processes import run

URL = "postgresql://me:hidden@host/name"
OTHER_URL = "postgresql://me:changed@host/name"

type Key = Annotated[str, "no secret"]
type ShopKey = Annotated[SecretStr, Field(min_length=4)]


class ShopOptions(BaseModel, frozen=True):
    key: ShopKey | None = None
    name: str = "shop"
    other: Key = "x"


class Own(KitSettings):
    auth: IssuerOptions
    shop: ShopOptions = ShopOptions()
    mail_password: SecretStr = SecretStr("none")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*list_names(Settings), *list_names(Own)):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AUTH_SIGNING_KEY", keys.make_key())
    monkeypatch.setattr(secret_files, "LOOK_INTERVAL", 0)


@pytest.fixture
def put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str | bytes], Path]:
    """Write a file, and let the variable with its path name it."""

    def put(name: str, content: str | bytes) -> Path:
        path = tmp_path / name.lower()
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        monkeypatch.setenv(f"{name}_FILE", str(path))
        return path

    return put


type Put = Callable[[str, str | bytes], Path]


@pytest.mark.parametrize("content", [URL, f"{URL}\n", f"{URL}\r\n", f"\ufeff{URL}\n"])
def test_a_secret_is_what_is_in_its_file_without_the_newline_of_an_editor(content: str, put: Put):
    put("DATABASE_URL", content)
    settings = read_settings(Own)
    assert settings.database.url.get_secret_value() == URL
    assert "hidden" not in f"{settings!r} {settings.model_dump()} {settings.model_dump_json()}"


def test_spaces_are_part_of_a_secret(put: Put):
    put("DATABASE_URL", URL)
    put("MAIL_PASSWORD", " correct horse \n")
    assert read_settings(Own).mail_password.get_secret_value() == " correct horse "


def test_a_secret_of_the_team_comes_from_a_file_and_its_group_is_read_from_variables_too(
    put: Put, monkeypatch: pytest.MonkeyPatch
):
    put("DATABASE_URL", URL)
    put("SHOP_KEY", "abcde")
    put("SHOP_NAME", "is no secret")
    put("SHOP_OTHER", "is no secret")
    monkeypatch.setenv("DATABASE_POOL_SIZE", "7")
    settings = read_settings(Own)
    assert settings.shop.key
    assert (settings.shop.key.get_secret_value(), settings.shop.name, settings.shop.other) == ("abcde", "shop", "x")
    assert (settings.database.pool_size, settings.database.url.get_secret_value()) == (7, URL)


def test_what_a_caller_gives_wins_over_a_file(put: Put):
    put("DATABASE_URL", URL)
    put("DATABASE_REPLICA_URL", URL)
    settings = read_settings(Own, database={"url": OTHER_URL})
    assert settings.database.url.get_secret_value() == OTHER_URL
    assert settings.database.replica_url
    assert settings.database.replica_url.get_secret_value() == URL


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"hidden\xff", "is not UTF-8"),
        (b"hidden" * 20_000, "has more than 65,536 bytes, so it is no secret"),
        (b"hidden", "/database_url': this is not the URL of a PostgreSQL database"),
        (f"DATABASE_URL={URL}\n".encode(), "/database_url' begins with DATABASE_URL=; write the value alone"),
        (f"{URL}\n".encode(), ""),
    ],
)
def test_an_unusable_file_is_one_line_among_the_problems_and_shows_nothing_of_its_content(
    content: bytes, says: str, put: Put, monkeypatch: pytest.MonkeyPatch
):
    put("DATABASE_URL", content)
    monkeypatch.setenv("SERVER_PORT", "70000")
    with pytest.raises(SettingsError) as caught:
        read_settings(Own)
    lines = str(caught.value).splitlines()[1:]
    assert [line.split(":")[0].strip() for line in lines] == (["DATABASE_URL_FILE"] if says else []) + ["SERVER_PORT"]
    assert says in lines[0]
    assert "hidden" not in str(caught.value)


def test_a_path_that_leads_to_no_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATABASE_URL_FILE", str(tmp_path / "missing"))
    monkeypatch.setenv("DATABASE_REPLICA_URL_FILE", str(tmp_path))
    monkeypatch.setenv("MAIL_PASSWORD_FILE", "/proc/self/mem")  # which nobody can read from its start
    with pytest.raises(SettingsError) as caught:
        read_settings(Own)
    replica, url, password = str(caught.value).splitlines()[1:]
    assert replica == f"  DATABASE_REPLICA_URL_FILE: '{tmp_path}' cannot be read: Is a directory"
    assert url == f"  DATABASE_URL_FILE: '{tmp_path}/missing' cannot be read: No such file or directory"
    assert password == "  MAIL_PASSWORD_FILE: '/proc/self/mem' cannot be read: Input/output error"


def test_a_variable_and_its_file_are_not_both_accepted(put: Put, monkeypatch: pytest.MonkeyPatch):
    put("DATABASE_URL", URL)
    monkeypatch.setenv("DATABASE_URL", OTHER_URL)
    with pytest.raises(SettingsError, match="DATABASE_URL_FILE: DATABASE_URL is set as well; unset one of them"):
        read_settings(Own)
    monkeypatch.setenv("DATABASE_URL_FILE", "")  # as compose sets what is not given
    assert read_settings(Own).database.url.get_secret_value() == OTHER_URL


@pytest.mark.parametrize(
    ("name", "meant"),
    [("AUTH_SIGNING_KEY_FLE", "AUTH_SIGNING_KEY_FILE"), ("DATABASE_REPLICAURL_FILE", "DATABASE_REPLICA_URL_FILE")],
)
def test_a_misspelt_file_variable_is_refused_with_the_nearest_name(
    name: str, meant: str, put: Put, monkeypatch: pytest.MonkeyPatch
):
    put("DATABASE_URL", URL)
    monkeypatch.setenv(name, "/run/secrets/name")
    with pytest.raises(SettingsError, match=f"{name}: there is no such setting; did you mean {meant}\\?"):
        read_settings(Own)


def count(outcome: str) -> float:
    labels = {"variable": "DATABASE_URL_FILE", "outcome": outcome}
    return REGISTRY.get_sample_value("secret_file_changes_total", labels) or 0


def test_a_changed_file_is_taken_up_and_broken_content_leaves_the_last_value(put: Put):
    path = put("DATABASE_URL", URL)
    url = read_settings(Own).database.url
    taken, refused = count("taken"), count("refused")
    with structlog.testing.capture_logs() as logs:
        path.write_text(f"{OTHER_URL}\n")
        assert url.get_secret_value() == OTHER_URL
        for broken in ("hidden", ""):
            path.write_text(broken)
            assert url.get_secret_value() == OTHER_URL
        path.unlink()
        assert [url.get_secret_value() for _ in range(3)] == [OTHER_URL] * 3
        path.write_text(URL)
        assert url.get_secret_value() == URL
    assert [log["event"] for log in logs] == ["secret changed", *["secret not changed"] * 3, "secret changed"]
    assert {log["variable"] for log in logs} == {"DATABASE_URL_FILE"}
    assert "this is not the URL" in logs[1]["error"]
    assert "The last good value stays in use" in logs[1]["error"]
    assert not any(text in f"{logs}" for text in ("hidden", "changed@"))
    assert (count("taken") - taken, count("refused") - refused) == (2, 3)


def test_a_refused_file_is_tried_again_although_it_has_not_changed_and_its_refusal_is_told_once(
    put: Put, tmp_path: Path
):
    authority = tmp_path / "authority"
    path = put("DATABASE_URL", URL)
    url = read_settings(Own).database.url
    taken, refused = count("taken"), count("refused")
    with structlog.testing.capture_logs() as logs:
        path.write_text(f"{OTHER_URL}?sslmode=verify-full&sslrootcert={authority}")
        assert [url.get_secret_value() for _ in range(3)] == [URL] * 3
        authority.write_text(Authority().text)
        assert url.get_secret_value().startswith(OTHER_URL)
    assert [log["event"] for log in logs] == ["secret not changed", "secret changed"]
    assert (count("taken") - taken, count("refused") - refused) == (1, 1)


def test_the_rules_of_a_field_hold_for_what_its_file_changes_to(put: Put):
    put("DATABASE_URL", URL)
    path = put("SHOP_KEY", "abcd")
    key = read_settings(Own).shop.key
    assert key
    for text, kept in (("abc", "abcd"), ("abcde", "abcde")):
        path.write_text(text)
        assert key.get_secret_value() == kept


def test_a_link_that_leads_elsewhere_is_noticed_although_size_and_time_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for folder, text in (("one", "1234"), ("two", "5678")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "key").write_text(text)
    (tmp_path / "..data").symlink_to("one")
    (tmp_path / "key").symlink_to("..data/key")
    monkeypatch.setenv("SHOP_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.setenv("DATABASE_URL", URL)
    key = read_settings(Own).shop.key
    assert key
    (tmp_path / "next").symlink_to("two")
    (tmp_path / "next").rename(tmp_path / "..data")
    assert key.get_secret_value() == "5678"


def test_a_file_is_looked_at_once_a_second_however_often_its_secret_is_used(put: Put, monkeypatch: pytest.MonkeyPatch):
    now = [time.monotonic()]
    monkeypatch.setattr(secret_files, "LOOK_INTERVAL", 1.0)
    monkeypatch.setattr(secret_files.time, "monotonic", lambda: now[0])
    path = put("DATABASE_URL", URL)
    url = read_settings(Own).database.url
    path.write_text(OTHER_URL)
    assert url.get_secret_value() == URL
    now[0] += 1
    assert url.get_secret_value() == OTHER_URL


def test_the_list_of_settings_says_which_come_from_a_file(tmp_path: Path):
    path = tmp_path / "url"
    path.write_text(URL)
    lines = run("settings", DATABASE_URL_FILE=str(path), SERVER_PORT="8000").stdout.splitlines()
    origins = {line.split()[0]: line.split()[2] for line in lines[1:]}
    wanted = {"DATABASE_URL": str(path), "SERVER_PORT": "environment", "DATABASE_REPLICA_URL": "-"}
    assert {name: origins[name] for name in wanted} == wanted
    assert "hidden" not in "".join(lines)


def test_a_command_uses_the_database_of_a_file(tmp_path: Path):
    path = tmp_path / "url"
    path.write_text("postgresql://me:hidden@127.0.0.1:1/name")
    result = run("migrate", DATABASE_URL_FILE=str(path))
    assert "Cannot reach PostgreSQL at 127.0.0.1:1/name" in result.stderr, result.stderr
    assert "hidden" not in result.stderr
    result = run("migrate", "redo", DATABASE_URL_FILE=str(path))
    assert "DATABASE_URL is set" in result.stderr


def test_the_key_of_a_token_that_is_unknown_is_looked_for_at_once(put: Put, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(secret_files, "LOOK_INTERVAL", 60)
    monkeypatch.delenv("AUTH_SIGNING_KEY")
    put("DATABASE_URL", URL)
    file = put("AUTH_SIGNING_KEY", keys.make_key())
    key_set = KeySet(read_settings(Own).auth)
    new = keys.make_key()
    new_id = keys.get_key_id(keys.read_private_key(new).public_key())
    file.write_text(new)
    key_set.refresh()
    with pytest.raises(UnknownKeyError):
        key_set.find_key(new_id)
    key_set.refresh(force=True)
    assert key_set.find_key(new_id)
