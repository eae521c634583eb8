"""What small pieces of the kit cost: `uv run python -m tests.performance.pieces`.

Measures in a service that it renders, in CPU time and without I/O: building the rows of each statement with a sample,
encoding them, and one request through routing, binder and encoder.
"""

from tests.performance import rendered


def main() -> None:
    """Measure and print."""
    with rendered.make() as folder:
        rendered.run_inside(folder, "pieces.py")


if __name__ == "__main__":
    main()
