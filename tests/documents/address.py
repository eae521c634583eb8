"""Write the address of this repository into pyproject.toml and the documents: `python3 run.py address [URL]`."""

import re
import sys
import tomllib
from pathlib import Path

from tests.harness import shell
from tests.harness.snapshot import ROOT

ADDRESS = re.compile(r"(?:https://|ssh://git@|git@)[\w.:/~-]+\.git")
"""What Copier takes from everywhere. A token in it would be published."""


def read(root: Path) -> str:
    """Return the address, which stands in pyproject.toml."""
    return tomllib.loads((root / "pyproject.toml").read_text())["project"]["urls"]["repository"]


def list_documents(root: Path) -> list[Path]:
    return sorted([*root.glob("*.md"), *root.glob("docs/*.md")])


def write(root: Path, address: str) -> list[str]:
    """Replace the address wherever it stands, and return the files that changed."""
    old, changed = read(root), []
    for path in (root / "pyproject.toml", *list_documents(root)):
        text = path.read_text()
        if old in text and old != address:
            path.write_text(text.replace(old, address))
            changed.append(str(path.relative_to(root)))
    return changed


def main() -> int:
    if len(sys.argv) > 2:
        print("Usage: python3 run.py address [URL]")
        return 2
    code, origin = shell.attempt("git", "remote", "get-url", "origin", cwd=ROOT)
    address = sys.argv[1] if sys.argv[1:] else origin.strip()
    if not ADDRESS.fullmatch(address):
        found = (
            "There is no remote `origin`" if code and not sys.argv[1:] else f"{address!r} is no address of a repository"
        )
        print(f"{found}. Give one: python3 run.py address https://forge.example/team/template.git")
        return 1
    changed = write(ROOT, address)
    print(f"{address} is now in {', '.join(changed)}." if changed else f"{address} is there already.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
