"""Print how sound and quiet the contract is: `uv run python -m tests.corpus`; `--write` renews it in docs/sql.md."""

from tests import corpus

if __name__ == "__main__":
    corpus.main()
