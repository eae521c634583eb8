"""Print the sizes of the default render: `uv run python -m tests.size`; `--write` renews them in CONTRIBUTING.md."""

from tests import size

if __name__ == "__main__":
    size.main()
