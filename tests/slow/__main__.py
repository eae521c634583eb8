"""Plant all slownesses and write the table in docs/measure.md, or only those named: `uv run python -m tests.slow`."""

import sys
import tempfile
from pathlib import Path

from tests import slow
from tests.harness import service, snapshot
from tests.slow import bench

PAGE = snapshot.ROOT / "docs/measure.md"
BEGIN, END = "<!-- slow -->\n", "<!-- end of slow -->"


def main(*names: str) -> None:
    """Print a row of the table for each case."""
    cases = {case.name: case for case in slow.read()}
    unknown = [name for name in names if name not in cases]
    if unknown:
        raise SystemExit(f"There is no slowness {unknown[0]!r}. There are: {', '.join(cases)}.")
    rows = ["| planted | command | finds it | seconds |", "|---|---|---|---|"]
    with tempfile.TemporaryDirectory(prefix="template-slow-") as folder:
        template = snapshot.ROOT
        rendered = service.render(template, Path(folder, "render"), {}, "HEAD")
        with bench.open_bench(rendered, Path(folder, "service")) as prepared:
            for name in names or cases:
                case = cases[name]
                outcome = prepared.attempt(case)
                found = "no" if outcome.missing else "yes"
                rows.append(f"| {case.planted} | `service {case.command}` | {found} | {outcome.seconds:.0f} |")
                print(rows[-1], *outcome.missing, sep="\n  ", flush=True)
                if outcome.missing and names:
                    print(outcome.printed)
    if not names:
        before, _, rest = PAGE.read_text().partition(BEGIN)
        _, _, after = rest.partition(END)
        PAGE.write_text(before + BEGIN + "\n".join(rows) + "\n" + END + after)


if __name__ == "__main__":
    main(*sys.argv[1:])
