"""What the slow tests take: `uv run python -m tests.minutes slow.xml`; `--write` renews the table in CONTRIBUTING.md.

The file is what pytest writes of a whole run: `python3 run.py test -m slow --junitxml slow.xml`.
"""

import argparse
import re
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree

from tests.harness import snapshot

DOCUMENT = snapshot.ROOT / "CONTRIBUTING.md"
TABLE = re.compile(r"(?<=<!-- minutes -->\n).*?(?=<!-- end of minutes -->)", re.DOTALL)

GROUPS = {
    "planted faults, each with the test that notices it": ("planted",),
    "the kit's own tests, and the suites and clients of services": ("generated",),
    "updates, releases and what the CI of a service does": ("update", "ci"),
    "all renders, and the suites of combinations": ("render",),
    "measurements, what they compare with, and recipes of the documents": ("documents", "performance"),
    "deployment, commands, the contract and the rest": (
        "commands",
        "conduit",
        "deploy",
        "doctor",
        "slices",
        "slow",
        "soak",
        "sql",
    ),
}
"""The folders of tests/ that have slow tests, by what these do."""


def count(path: Path) -> dict[str, float]:
    """Return the seconds of the tests in each folder, with their fixtures."""
    seconds: dict[str, float] = defaultdict(float)
    for case in ElementTree.parse(path).iter("testcase"):
        folder = case.attrib["classname"].split(".")[1]
        seconds[folder] += float(case.attrib["time"])
    return seconds


def draw(seconds: dict[str, float]) -> str:
    """Return the table in Markdown."""
    lines = ["| slow tests | in | minutes |", "|---|---|---|"]
    for name, folders in GROUPS.items():
        places = ", ".join(f"`tests/{folder}/`" for folder in folders)
        lines.append(f"| {name} | {places} | {sum(seconds.get(folder, 0) for folder in folders) / 60:.0f} |")
    return "\n".join([*lines, f"| all | | {sum(seconds.values()) / 60:.0f} |", ""])


def main() -> None:
    """Print the table, and renew it where it stands."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("junit", type=Path, help="what `--junitxml` has written")
    parser.add_argument("--write", action="store_true", help="renew the table in CONTRIBUTING.md")
    options = parser.parse_args()
    table = draw(count(options.junit))
    print(table, end="")
    if options.write:
        DOCUMENT.write_text(TABLE.sub(lambda _: table, DOCUMENT.read_text()))
