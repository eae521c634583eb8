"""Bring what was edited in a render back into `template/`: `uv run python -m tests.port ../scratch`."""

import sys

from tests import port

if __name__ == "__main__":
    sys.exit(port.main())
