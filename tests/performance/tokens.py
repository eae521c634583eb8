"""What the token of a request costs: `uv run python -m tests.performance.tokens`.

Measures in the environment of a service that it renders: checking a token that is known, and one that is new; making
one; and what the framework's own guards would cost.
"""

from pathlib import Path

from tests.harness import shell
from tests.performance import rendered

INSIDE = Path(__file__).parent / "inside" / "tokens.py"


def main() -> None:
    """Measure and print."""
    with rendered.make() as folder:
        print(shell.run("uv", "run", "python", str(INSIDE), cwd=folder), end="")


if __name__ == "__main__":
    main()
