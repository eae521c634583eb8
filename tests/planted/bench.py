"""Where a planted fault is tried: a rendered service, or a copy of the template's repository."""

import re
import shutil
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests import planted, size
from tests.harness import shell, snapshot
from tests.planted import Fault

SECONDS = 300
"""The longest that a test may take. One that hangs does not say what is broken."""

POSTGRESQL = """
import asyncio, sys
from pathlib import Path
from service_tools.dev import embedded
from tests.kit import fixtures
with embedded.run_postgresql(Path(sys.argv[1])) as url:
    fixtures.os.environ[fixtures.SERVER] = url
    asyncio.run(fixtures.trade_durability_for_speed())
    print(url, flush=True)
    sys.stdin.read()
"""
"""A PostgreSQL for the tests of services, for as long as standard input is open."""

UNRELEASED = re.compile(r"## Unreleased\n\nThis will be (v[\d.]+),")


class Outcome(NamedTuple):
    """What became of a test. `told` is the output without the code that pytest quotes, which is indented."""

    code: int
    output: str

    @property
    def told(self) -> str:
        return "\n".join(line for line in self.output.splitlines() if not line.startswith("    "))


class Bench(NamedTuple):
    """A folder for one fault at a time, and how pytest is run in there."""

    folder: Path
    pytest: tuple[str | Path, ...]
    settings: dict[str, str]

    def attempt(self, fault: Fault) -> Outcome:
        """Run the test of a fault while the fault is planted."""
        command = (*self.pytest, "-n0", "-m", "", "-q", "-x", "-p", "no:cacheprovider", "--tb=short", fault.test)
        with planted.plant(fault, self.folder):
            return Outcome(*shell.attempt("timeout", str(SECONDS), *command, cwd=self.folder, **self.settings))


@contextmanager
def open_services(template: Path, folder: Path, count: int) -> Generator[list[Bench]]:
    """Yield services with the kit's tests in them, and one PostgreSQL for all."""
    made = [size.prepare(template, folder / "1")]
    for number in range(1, count):
        copy = shutil.copytree(made[0], folder / f"{number + 1}", ignore=shutil.ignore_patterns(".venv"))
        shell.run("uv", "sync", "--quiet", cwd=copy)
        shell.run("uv", "pip", "install", "--quiet", *size.NEEDED, cwd=copy)
        made.append(copy)
    with shell.hold(made[0] / ".venv/bin/python", "-c", POSTGRESQL, folder / "data", cwd=made[0]) as url:
        yield [Bench(each, (each / ".venv/bin/pytest",), {"TEST_DATABASE_URL": url}) for each in made]


def copy_template(folder: Path) -> Bench:
    """Return a copy of the working tree that has been released."""
    shell.run("git", "clone", "--quiet", "--no-checkout", snapshot.ROOT, folder, cwd=snapshot.ROOT)
    snapshot.fill(folder)
    changelog = folder / "CHANGELOG.md"
    if release := UNRELEASED.search(text := changelog.read_text()):
        changelog.write_text(text.replace(release[0], f"## {release[1]}\n\nThis is"))
    shell.run("git", "add", "--all", cwd=folder)
    subject = f"Release {release[1]}" if release else "Work on the next release"
    shell.run("git", "commit", "--quiet", "--allow-empty", "--message", subject, cwd=folder)
    return Bench(folder, (sys.executable, "-m", "pytest"), {})
