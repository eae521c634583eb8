"""Where a planted fault is tried: a rendered service, or a copy of the template's repository."""

import re
import shutil
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from tests import planted, size
from tests.harness import packages, shell, snapshot
from tests.planted import Fault, warm

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
    run: warm.Run

    def attempt(self, fault: Fault) -> Outcome:
        """Run the test of a fault while the fault is planted."""
        options = ("-n0", "-m", "", "-q", "-x", "-p", "no:cacheprovider", "--tb=short")
        with planted.plant(fault, self.folder):
            return Outcome(*self.run(*options, fault.test))


@contextmanager
def open_services(template: Path, folder: Path, count: int) -> Generator[list[Bench]]:
    """Yield services with the kit's tests in them, and one PostgreSQL for all."""
    first = size.prepare(template, folder / "1")
    with ExitStack() as stack:
        command = (first / ".venv/bin/python", "-c", POSTGRESQL, folder / "data")
        settings = {"TEST_DATABASE_URL": stack.enter_context(shell.hold(*command, cwd=first))}
        warm.compile_service(first, **settings)
        made = [first]
        for number in range(1, count):
            copy = shutil.copytree(first, folder / f"{number + 1}", ignore=shutil.ignore_patterns(".venv"))
            packages.install(copy)
            shell.run("uv", "pip", "install", "--quiet", *size.NEEDED, cwd=copy)
            made.append(copy)
        yield [Bench(each, stack.enter_context(warm.open_pytest(each, SECONDS, **settings))) for each in made]


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
    command = ("timeout", str(SECONDS), sys.executable, "-m", "pytest")
    return Bench(folder, lambda *arguments: shell.attempt(*command, *arguments, cwd=folder))
