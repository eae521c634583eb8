"""What a request costs on each Python: `uv run python -m tests.performance.versions`.

The service and the floor, rendered for each Python that is installed, take turns under load. Prints what an order by
key and a page of 50 cost, and with `--write` renews the table in docs/performance.md.
"""

import argparse
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from tests.harness import service, shell, snapshot
from tests.performance import rendered, servers
from tests.performance.compare import Measurement
from tests.performance.machine import find_processor
from tests.performance.report import KEY, PAGE, show, sum_up

VERSIONS = "3.12", "3.13", "3.14"
PROGRAMS = "floor", "service"
BLOCK = re.compile(r"(?<=<!-- versions -->\n).*(?=<!-- end of versions -->)", re.DOTALL)

type Costs = dict[tuple[str, str], list[float]]
"""µs of each round, by the work and the program."""


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=0.8, help="the length of a slice")
    parser.add_argument("--clients", type=int, default=32, help="connections of the closed loop")
    parser.add_argument("--rows", type=int, default=20_000, help="orders in the table")
    parser.add_argument("--write", action="store_true", help="renew the table in docs/performance.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="measure-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as another user when this one is root
        table = draw_table(measure(dict(render(folder)), options), options)
    print(table)
    if options.write:
        page = snapshot.ROOT / "docs/performance.md"
        page.write_text(BLOCK.sub(lambda _: table, page.read_text()))


def render(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the exact version of each Python that is there, and a service for it."""
    template = snapshot.take(folder / "template")
    for version in VERSIONS:
        if python := service.find_python(version):
            made = service.render(template, folder / version, {"python_version": version})
            shell.run("uv", "sync", "--quiet", "--python", python, cwd=made)
            yield shell.run(servers.python(made), "--version", cwd=made).split()[1], made


def measure(folders: dict[str, Path], options: argparse.Namespace) -> Costs:
    """Return what a request cost in each round."""
    first, *others = folders.values()
    rendered.sign_in(first)
    for other in others:  # all take the same token
        shutil.copy(first / ".signing-key", other)
    with ExitStack() as stack:
        database = stack.enter_context(servers.provide_database(first, options.rows, 1000))
        started = {
            f"{program} {version}": stack.enter_context(
                servers.start(f"{program} {version}", folder, database["url"], program)
            )
            for version, folder in folders.items()
            for program in PROGRAMS
        }
        costs: Costs = {(work, name): [] for work in (KEY, PAGE) for name in started}
        for done in Measurement(first, started, database["keys"], options).run_rounds([*costs]):
            costs[done["work"], done["program"]].append(done["cpu"])
    return costs


def draw_table(costs: Costs, options: argparse.Namespace) -> str:
    """Return in Markdown what each program costs, and the service against the floor of the same Python."""
    how = f"{options.rounds} rounds of {options.seconds:g} s, {options.clients} connections"
    lines = [f"Taken on {datetime.now(UTC):%Y-%m-%d}: {find_processor()}; {options.rows:,} orders; {how}.", ""]
    lines += ["| Python | work | floor, µs | service, µs | service / floor |", "|---|---|---|---|---|"]
    for version in dict.fromkeys(name.split()[1] for _, name in costs):
        for work in (KEY, PAGE):
            floor, ours = (costs[work, f"{program} {version}"] for program in PROGRAMS)
            ratios = sum_up([ours / floor for ours, floor in zip(ours, floor, strict=True)])
            cells = show(sum_up(floor), 0, ""), show(sum_up(ours), 0, ""), show(ratios, 2, "")
            lines.append(f"| {version} | {work} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
