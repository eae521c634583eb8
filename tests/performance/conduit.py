"""What a page of articles costs, beside FastAPI and SQLAlchemy's ORM: `uv run python -m tests.performance.conduit`.

Makes Conduit of `examples/conduit/` with 100,000 articles, and asks both for `GET /api/articles?limit=20` in turns,
each on one core. With `--write` the figures go into docs/given.md, beside the lines of the application.
"""

import argparse
import json
import re
import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests import conduit
from tests.harness import packages, snapshot
from tests.performance import servers
from tests.performance.machine import find_processor
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
        packages.install(made)
        url = stack.enter_context(servers.provide_database(made, ARTICLES, program="articles"))["url"]
        programs = [
            stack.enter_context(servers.start(name, made, url, path=PATH, headers={}))
            for name in ("service", "conduit")
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
(`tests/performance/programs/conduit.py`), on {find_processor()}.
"""
    DOCUMENT.write_text(SECTION.sub(lambda _: text, DOCUMENT.read_text()))


def verify(programs: list[Server]) -> None:
    """Stop unless both answer the same."""
    answers = [json.loads(program.get(PATH)[0]) for program in programs]
    if answers[0] != answers[1]:
        raise SystemExit(f"the programs answer differently: {answers}")


def measure(folder: Path, program: Server, seconds: float) -> float:
    """Return the microseconds of processor time that a program uses for a request."""
    before = program.read_cpu_seconds()
    load = {"port": program.port, "paths": [PATH], "clients": 32, "seconds": seconds, "rate": 0}
    done = servers.run_load(folder, load)
    if done["answers"].keys() != {"200"}:
        raise SystemExit(f"{program.name} did not answer every request with 200: {done}")
    return (program.read_cpu_seconds() - before) / done["count"] * 1e6


if __name__ == "__main__":
    main()
