"""Print what the slow tests take: `uv run python -m tests.minutes slow.xml`."""

from tests import minutes

if __name__ == "__main__":
    minutes.main()
