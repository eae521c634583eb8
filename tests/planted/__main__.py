"""Renew the tables of docs/contributing/planted-faults.md: `uv run python -m tests.planted`."""

from tests import planted

if __name__ == "__main__":
    planted.PAGE.write_text(planted.write_page(planted.PAGE.read_text(), planted.read()))
