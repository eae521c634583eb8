"""What small pieces of the kit cost: `uv run python -m tests.performance.pieces`.

Measures in a service that it renders, in CPU time and without I/O: building the rows of each statement with a sample,
encoding them, and one request through routing, binder and encoder.
"""

from pathlib import Path

from tests.harness import shell
from tests.performance import rendered

INSIDE = Path(__file__).parent / "inside" / "pieces.py"


def main() -> None:
    """Measure and print."""
    with rendered.make() as folder:
        print(shell.run("uv", "run", "python", str(INSIDE), cwd=folder), end="")


if __name__ == "__main__":
    main()
