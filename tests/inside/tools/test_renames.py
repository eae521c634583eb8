"""The team's files get the kit's new names by a command."""

import warnings
from importlib import import_module
from pathlib import Path

import pytest
from click.testing import CliRunner
from service.kit.renamed import RENAMED
from service_tools.dev.renames import rename_imports, rewrite_source

APP = """\
from service.kit import web
from service.kit.auth import Auth, Guesses
from service.kit.edge import (
    Edge,
    Problem,
    asgi,
)
from service.kit.server import cli
from service.kit.edge import not_found as missing


def build() -> asgi.App:
    from service.kit.db import EVERY, Database

    cli.main("é", Guesses(Database(), EVERY), missing)
    return Edge(web.build(web.Cache(), Auth()), Problem)
"""

RENAMED_APP = """\
from service.kit import web
from service.kit.cache import Cache
from service.kit.auth import Auth
from service.kit.auth import LoginThrottle
from service.kit.edge import Edge
from service.kit.web import Problem
from service.kit.work import asgi
from service.kit import commands
from service.kit.web import not_found as missing


def build() -> asgi.App:
    from service.kit.db import SAMPLE_INTERVAL
    from service.kit.db import Database

    commands.main("é", LoginThrottle(Database(), SAMPLE_INTERVAL), missing)
    return Edge(web.build(Cache(), Auth()), Problem)
"""

LOGIN = """\
from service.kit.auth import Guesses


class Doors:
    def __init__(self, db: Database, guesses: "Guesses | None") -> None:
        self.guesses = guesses
        self.throttle = Guesses(db)

    async def open(self, scope: Scope, name: str) -> None:
        attempt = await self.throttle.begin(scope, name)
        await attempt.take_back()


async def log_in(db: Database, guesses: Guesses, data: Credentials) -> None:
    transaction = db.begin()
    guess = await guesses.begin(scope, "é"), transaction.begin(scope)
    await guess[0].take_back()
"""

RENAMED_LOGIN = """\
from service.kit.auth import LoginThrottle


class Doors:
    def __init__(self, db: Database, guesses: "Guesses | None") -> None:
        self.guesses = guesses
        self.throttle = LoginThrottle(db)

    async def open(self, scope: Scope, name: str) -> None:
        attempt = await self.throttle.count_attempt(scope, name)
        await attempt.forgive()


async def log_in(db: Database, guesses: LoginThrottle, data: Credentials) -> None:
    transaction = db.begin()
    guess = await guesses.count_attempt(scope, "é"), transaction.begin(scope)
    await guess[0].forgive()
"""

OTHER = """\
from service.kit.db import Database


async def change(db: Database, throttle: Throttle) -> None:
    await throttle.begin(db)
    await throttle.take_back()
"""


def test_old_names_are_rewritten_where_they_are_imported_and_used():
    assert rewrite_source(APP) == RENAMED_APP
    assert rewrite_source(RENAMED_APP) == RENAMED_APP


def test_a_name_that_is_also_a_parameter_keeps_its_old_name():
    used = "\n\n\ndef tell(link: str) -> str:\n    return link\n"
    renamed = f"from service.kit.rows.listing import make_link_header as link{used}"
    assert rewrite_source(f"from service.kit.rows import link{used}") == renamed


def test_methods_of_the_login_throttle_are_renamed_and_no_others():
    assert rewrite_source(LOGIN) == RENAMED_LOGIN
    assert rewrite_source(RENAMED_LOGIN) == RENAMED_LOGIN
    assert rewrite_source(OTHER) == OTHER


def test_a_file_that_is_not_python_is_named_with_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "src").mkdir()
    (tmp_path / "src/broken.py").write_text("def (")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(rename_imports)
    assert (result.exit_code, result.output) == (1, "Error: src/broken.py:1: invalid syntax\n")


def test_it_names_the_files_that_it_changes_and_leaves_the_templates_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name in ("src/service/app.py", "src/service/kit/edge/old.py", "tests/kit/old.py", "tests/test_own.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(APP)
    monkeypatch.chdir(tmp_path)
    names = "src/service/app.py\ntests/test_own.py\n"
    assert (found := CliRunner().invoke(rename_imports, ["--check"])).exit_code == 1
    assert (found.stdout, (tmp_path / "tests/test_own.py").read_text()) == (names, APP)
    assert CliRunner().invoke(rename_imports).stdout == names
    assert (tmp_path / "tests/test_own.py").read_text() == RENAMED_APP
    assert (tmp_path / "tests/kit/old.py").read_text() == APP
    assert CliRunner().invoke(rename_imports, ["--check"]).exit_code == 0


@pytest.mark.parametrize("old", RENAMED)
def test_an_old_name_still_works_and_its_warning_says_the_new_one(old: str):
    package, _, name = old.rpartition(".")
    new_package, _, new_name = RENAMED[old].rpartition(".")
    with pytest.warns(DeprecationWarning, match=rf"^{old} is now {RENAMED[old]}$"):
        value = getattr(import_module(package), name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        module = import_module(new_package)
        assert value is (getattr(module, new_name, None) or import_module(RENAMED[old]))


def test_a_name_that_never_was_is_an_error():
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        _ = import_module("service.kit.edge").Nothing
