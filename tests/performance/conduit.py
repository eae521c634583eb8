"""What a page of articles costs, beside FastAPI and SQLAlchemy's ORM: `uv run python -m tests.performance.conduit`.

Makes Conduit of `examples/conduit/` with 100,000 articles, and asks both for `GET /api/articles?limit=20` in turns,
each on one core. With `--write` the figures go into docs/given.md, beside the lines of the application.
"""

import argparse
import json
import re
import statistics
import tempfile
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests import conduit
from tests.harness import shell, snapshot
from tests.performance import compare, servers
from tests.performance.servers import Server

PATH = "/api/articles?limit=20"
ARTICLES = 100_000

DOCUMENT = snapshot.ROOT / "docs/given.md"
SECTION = re.compile(r"(?<=<!-- conduit -->\n).*?(?=<!-- end of conduit -->)", re.DOTALL)


def main() -> None:
    """Measure, and print the ratio with its range."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=3, help="the length of a slice")
    parser.add_argument("--write", action="store_true", help="renew docs/given.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="measure-") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as another user when this one is root
        made = conduit.make(snapshot.take(folder / "template"), folder / "service")
        shell.run("uv", "sync", "--quiet", cwd=made)
        url = stack.enter_context(provide_database(made))
        programs = [
            stack.enter_context(start("service", made, url)),
            stack.enter_context(start("conduit", made, url)),
        ]
        verify(programs)
        ratios = []
        for program in programs:
            measure(made, program, 1)
        for number in range(options.rounds):
            used = {it.name: measure(made, it, options.seconds) for it in programs[:: 1 if number % 2 else -1]}
            ratios.append(used["service"] / used["conduit"])
            print(f"{used['service']:.0f} and {used['conduit']:.0f} µs of processor time: {ratios[-1]:.3f}", flush=True)
    result = f"{statistics.median(ratios):.2f} times ({min(ratios):.2f} to {max(ratios):.2f})"
    print(f"{PATH}: {result} what FastAPI uses")
    if options.write:
        write(result)


def write(result: str) -> None:
    """Renew the section of the document."""
    counts = conduit.count_lines()
    rows = "\n".join(f"| {kind} | {count:,} |" for kind, count in counts.items())
    against = "\n".join(f"- `{path}`: {reason}" for path, reason in conduit.find_against())
    text = f"""
| lines of Conduit | |
|---|---|
{rows}

It works against the template in these places, each marked in the code:

{against}

`GET {PATH}` uses {result} the processor time of the same route in FastAPI with SQLAlchemy's ORM
(`tests/performance/programs/conduit.py`), on {compare.find_processor()}.
"""
    DOCUMENT.write_text(SECTION.sub(lambda _: text, DOCUMENT.read_text()))


@contextmanager
def provide_database(folder: Path) -> Generator[str]:
    """Yield the URL of a database with articles."""
    program = str(servers.PROGRAMS / "articles.py")
    process = servers.spawn([servers.python(folder), program, str(ARTICLES)], folder, servers.OTHER_CORE)
    assert process.stdout
    try:
        yield process.stdout.readline().strip() or exit("the database did not start")
    finally:
        process.communicate(timeout=60)  # the end of its input ends it


@contextmanager
def start(name: str, folder: Path, url: str) -> Generator[Server]:
    """Yield a running program."""
    port = servers.find_port()
    script = ["uv", "run", "--quiet", "--script", "--python", servers.python(folder)]
    commands = {
        "service": [str(folder / ".venv/bin/service"), "serve"],
        "conduit": [*script, str(servers.PROGRAMS / "conduit.py"), str(port)],
    }
    key = shell.run(str(folder / ".venv/bin/service"), "key", cwd=folder).partition("=")[2].split()[0]
    variables = {"DATABASE_URL": url, "DATABASE_POOL_SIZE": str(servers.POOL_SIZE), "SERVER_PORT": str(port)}
    log = folder.parent / f"{name}.log"
    process = servers.spawn(commands[name], folder, servers.SERVER_CORE, log, AUTH_SIGNING_KEY=key, **variables)
    try:
        server = Server(name, port, process, {})
        servers.wait_until_ready(server, PATH)
        yield server
    finally:
        process.terminate()
        process.wait(30)


def verify(programs: list[Server]) -> None:
    """Stop unless both answer the same."""
    answers = [json.loads(program.get(PATH)[0]) for program in programs]
    if answers[0] != answers[1]:
        raise SystemExit(f"the programs answer differently: {answers}")


def measure(folder: Path, program: Server, seconds: float) -> float:
    """Return the microseconds of processor time that a program uses for a request."""
    before = program.read_cpu_seconds()
    specification = {"port": program.port, "paths": [PATH], "clients": 32, "seconds": seconds, "rate": 0}
    command = [servers.python(folder), str(servers.PROGRAMS / "load.py"), json.dumps(specification)]
    printed, _ = servers.spawn(command, folder, servers.OTHER_CORE).communicate(timeout=300)
    done = json.loads(printed)
    if done["answers"].keys() != {"200"}:
        raise SystemExit(f"{program.name} did not answer every request with 200: {done}")
    return (program.read_cpu_seconds() - before) / done["count"] * 1e6


if __name__ == "__main__":
    main()
