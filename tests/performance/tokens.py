"""What the token of a request costs: `uv run python -m tests.performance.tokens`.

Measures in the environment of a service that it renders: checking a token that is known, and one that is new; making
one; and what the framework's own guards would cost.
"""

from tests.performance import rendered


def main() -> None:
    """Measure and print."""
    with rendered.make() as folder:
        rendered.run_inside(folder, "tokens.py")


if __name__ == "__main__":
    main()
