"""Let a service run under load and faults, and tell what it lost: `uv run python -m tests.soak --minutes 10`.

Renders the default service, or takes a rendered one, and runs `tests/soak/inside` in there. Ends with 1 when a promise
was broken, which the report names.
"""

import argparse
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from tests.harness import shell
from tests.performance import rendered

HERE = Path(__file__).parent


def run(folder: Path, arguments: list[str]) -> int:
    """Soak the service in `folder`, which gets the programs that this needs, and return the exit code."""
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(HERE.parent / "inside", folder / "inside", dirs_exist_ok=True, ignore=ignore)
    shutil.copytree(HERE / "inside", folder / "soak", dirs_exist_ok=True, ignore=ignore)
    environment = shell.environment(PYTHONPATH=str(folder))
    return subprocess.run(
        [folder / ".venv/bin/python", "-m", "soak", *arguments], cwd=folder, env=environment
    ).returncode


def main() -> int:
    """Prepare a service, and hand the arguments on."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10, help="at least; each fault comes at least once")
    parser.add_argument("--seed", type=int, help="repeats the order of the faults; printed with each report")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    parser.add_argument("--service", type=Path, help="a rendered service whose packages are installed (`uv sync`)")
    given = parser.parse_args()
    arguments = ["--minutes", str(given.minutes)]
    arguments += ["--seed", str(given.seed)] if given.seed is not None else []
    arguments += ["--json"] if given.json else []
    with ExitStack() as stack:
        return run(given.service.resolve() if given.service else stack.enter_context(rendered.make()), arguments)


if __name__ == "__main__":
    sys.exit(main())
