"""Tag each release of the history that has no tag: `python3 run.py tags`."""

import sys
from pathlib import Path

from tests.harness import releases, shell
from tests.harness.snapshot import ROOT


def tag(root: Path) -> list[str]:
    """Tag the releases that have no tag, and return their versions."""
    tagged = set(shell.run("git", "tag", "--list", cwd=root).split())
    missing = {version: commit for version, commit in releases.find(root).items() if version not in tagged}
    for version, commit in missing.items():
        shell.run("git", "tag", version, commit, cwd=root)
    return [*missing]


def main() -> int:
    if sys.argv[1:]:
        print("Usage: python3 run.py tags")
        return 2
    if not releases.find(ROOT):
        print("The history of this clone has no release. If it is shallow, run `git fetch --unshallow`.")
        return 1
    tagged = tag(ROOT)
    print(f"Tagged {', '.join(tagged)}. Next: git push --tags" if tagged else "Each release has its tag.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
