"""Keep what a measurement prints, for the documents that quote it: `uv run python -m tests.performance.record streams`.

Writes docs/figures/streams.txt: the command, the day, the machine, and each line as it was printed. Options go on to
the measurement. A paragraph or a table with `<!-- figures of streams -->` in it has no number that is not in that file
(tests/documents/test_figures.py), so after a new run the test lists what to correct. Run it on a quiet machine.
"""

import argparse
import platform
import subprocess
import sys
from pathlib import Path

from tests.harness import shell, snapshot
from tests.performance import machine

FIGURES = snapshot.ROOT / "docs/figures"


def main() -> None:
    """Run a measurement, show what it prints, and write that down if it succeeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="a module of tests/performance")
    name, options = parser.parse_known_args()[0].name, sys.argv[2:]
    if not Path(__file__).with_name(f"{name}.py").is_file():
        parser.error(f"there is no tests/performance/{name}.py")
    lines = describe(name, options)
    command = [sys.executable, "-u", "-m", f"tests.performance.{name}", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=shell.environment()) as process:
        assert process.stdout
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line.rstrip())
    if process.returncode:
        raise SystemExit(process.returncode)
    (FIGURES / f"{name}.txt").write_text("\n".join(lines) + "\n")


def describe(name: str, options: list[str]) -> list[str]:
    """Return the lines before those of the measurement."""
    command = " ".join(["uv run python -m", f"tests.performance.{name}", *options])
    taken = ", ".join(machine.describe().values())
    return [f"$ {command}", f"{taken}, Python {platform.python_version()}", ""]


if __name__ == "__main__":
    main()
