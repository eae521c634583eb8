"""Make the application in a folder, from the template's working tree."""

import argparse
import sys
import tempfile
from pathlib import Path

from tests import conduit
from tests.harness import snapshot


def main() -> int:
    """Make it, and say how to start it."""
    parser = argparse.ArgumentParser(prog="python -m tests.conduit", description=conduit.__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("folder", type=Path, help="a folder that does not exist yet")
    folder = parser.parse_args().folder.resolve()
    if folder.exists():
        print(f"{folder} is there already. Name a folder that does not exist yet.", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="conduit-") as name:
        conduit.make(snapshot.take(Path(name, "template")), folder)
    print(f"Conduit is in {folder}. Start it:\n\n    cd {folder}\n    uv run service dev")
    return 0


if __name__ == "__main__":
    sys.exit(main())
