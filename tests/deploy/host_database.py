"""The database of a service on one machine, with the scripts that dump, restore and migrate it."""

import os
import re
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.harness import shell
from tests.harness.terminal import wait_for


class Database:
    """The database of a service on one machine, and what its container for backups does."""

    def __init__(self, deploy: Path, folder: Path, url: str, programs: str | Path) -> None:
        parts = urlsplit(url)
        query = parse_qs(parts.query)
        self.deploy, self.folder, self.script = deploy, folder, deploy / "backup/backup.sh"
        host = parts.hostname or query["host"][0]
        self.environment = shell.environment(
            PGHOST=host,
            PGPORT=str(parts.port or query.get("port", ["5432"])[0]),
            PGUSER=parts.username or "",
            PGDATABASE="service",
            BACKUP_FOLDER=str(folder),
            PATH=f"{programs}:{os.environ['PATH']}",
        )

    def run(self, *command: str | Path, **changes: str) -> tuple[int, str]:
        done = subprocess.run(
            command, env=self.environment | changes, capture_output=True, text=True, check=False, timeout=60
        )
        return done.returncode, done.stdout + done.stderr

    def query(self, sql: str, database: str = "service") -> str:
        code, printed = self.run("psql", "--no-psqlrc", "-v", "ON_ERROR_STOP=1", "-Atc", sql, database)
        assert code == 0, printed
        return printed.strip()

    def back_up(self) -> str:
        code, printed = self.run("sh", self.script, "now")
        assert code == 0, printed
        (file,) = re.findall(r"backed up to (\S+): \d+ bytes", printed)
        return file

    def restore(self, file: str | Path) -> tuple[int, str]:
        return self.run("sh", self.deploy / "backup/restore.sh", file)

    def migrate(self, synced: Path, *options: str) -> str:
        """Run `service migrate` as the role of the service."""
        url = f"postgresql://service:secret@/service?host={self.environment['PGHOST']}"
        return shell.run(".venv/bin/service", "migrate", *options, cwd=synced, DATABASE_URL=url)

    def describe(self) -> dict[str, str]:
        """Return what a restored database must have again."""
        return {
            "orders": self.query("select count(*) from orders"),
            "sum": self.query("select md5(string_agg(orders::text, ',' order by id)) from orders"),
            "owner": self.query("select pg_get_userbyid(datdba) from pg_database where datname = 'service'"),
            "limits": self.query(
                "select setrole, unnest(setconfig) from pg_db_role_setting join pg_database "
                "on oid = setdatabase where datname = 'service' order by 1, 2"
            ),
            "access": self.query("select datacl, datconnlimit from pg_database where datname = 'service'"),
            "indexes": self.query("select count(*) from pg_indexes"),
        }

    @contextmanager
    def connect(self) -> Generator[None]:
        """Hold a connection, as a pooler does."""
        with subprocess.Popen(
            ["psql", "service"], env=self.environment, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as session:
            wait_for(
                lambda: self.query("select count(*) > 1 from pg_stat_activity where datname = 'service'") == "t",
                10,
                str,
            )
            yield
            session.kill()

    def list_databases(self) -> list[str]:
        return self.query("select datname from pg_database where not datistemplate order by 1", "postgres").split()
