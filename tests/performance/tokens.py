"""What the token of a request costs: `uv run python -m tests.performance.tokens`.

Measures in the environment of a service that it renders: checking a token that is known, and one that is new; making
one; and what the framework's own guards would cost.
"""

import tempfile
from pathlib import Path

from tests import service, shell, snapshot

INSIDE = Path(__file__).parent / "inside" / "tokens.py"


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="measure-") as name:
        folder = Path(name)
        made = service.render(snapshot.take(folder / "template"), folder / "service", {})
        shell.run("uv", "sync", "--quiet", cwd=made)
        print(shell.run("uv", "run", "python", str(INSIDE), cwd=made), end="")


if __name__ == "__main__":
    main()
