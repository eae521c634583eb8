"""How sound and how quiet the contract is: `uv run python -m tests.corpus`; `--write` renews it in docs/sql.md.

The figures are those of `tests/inside/tools/corpus/known.toml`, which the tests of the corpus compare with what the
contract says.
"""

import re
import sys
import tomllib

from tests.harness import snapshot

DOCUMENT = snapshot.ROOT / "docs/sql.md"
KNOWN = snapshot.ROOT / "tests/inside/tools/corpus/known.toml"
SCORE = re.compile(r"(?<=<!-- score -->\n).*?(?=<!-- end of score -->)", re.DOTALL)


def draw() -> str:
    """Return the score in Markdown."""
    known = tomllib.loads(KNOWN.read_text())
    caught, faults = known["caught"], known["faults"]
    suspected, valid = known["suspected"], known["valid"]
    rows = [
        "| | | |",
        "|---|---|---|",
        f"| planted faults that it names | {caught} of {faults} | {caught / faults:.1%} |",
        f"| valid cases that it suspects | {suspected} of {valid} | {suspected / valid:.1%} |",
        "",
    ]
    return "\n".join(rows)


def main() -> None:
    """Print the score, and renew it where it stands."""
    score = draw()
    print(score, end="")
    if "--write" in sys.argv:
        DOCUMENT.write_text(SCORE.sub(lambda _: score, DOCUMENT.read_text()))
