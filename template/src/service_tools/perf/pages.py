# kit: updated by the template; extend it from app.py
"""Reports: pages in perf/reports/ that need nothing else, titled with commit, date and machine."""

import os
import platform
import subprocess
from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from pathlib import Path

FOLDER = Path("perf/reports")

PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title><style>
:root {{ color-scheme: light dark; --line: #8884; --soft: #8888;
  --c0: #2a6fdb; --c1: #d9822b; --c2: #c23b5a; --c3: #2c9a6b; --c4: #8457c9; --c5: #7d8590; --c6: #b8a100 }}
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 74rem; margin: 1.5rem auto; padding: 0 1rem }}
h1 {{ font-size: 1.5rem; margin-bottom: 0 }} h2 {{ font-size: 1.15rem; margin-top: 2rem }}
.about {{ opacity: .75; margin-top: .2rem }}
.scroll {{ overflow-x: auto }}
table {{ border-collapse: collapse }}
td, th {{ text-align: right; padding: .25rem .9rem .25rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; white-space: nowrap }}
td:first-child, th:first-child, .text {{ text-align: left }}
td.text {{ font: 13px/1.5 ui-monospace, monospace }}
.charts {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)); gap: 1rem 1.5rem }}
figure {{ margin: 0 }} figcaption {{ font-weight: 600 }}
svg {{ display: block; width: 100%; height: auto; font: 12px system-ui, sans-serif }}
svg text {{ fill: currentColor }}
.flame svg {{ min-width: 56rem }} .bars svg {{ min-width: 34rem }} .flame rect:hover {{ stroke: currentColor }}
pre {{ background: #8881; padding: .8rem; overflow-x: auto; font-size: 13px }}
.legend span {{ display: inline-block; margin-right: 1rem; font-size: 13px }}
.legend i {{ display: inline-block; width: .8em; height: .8em; margin-right: .35em }}
</style></head>
<body>
<h1>{title}</h1>
<p class="about">{about}</p>
{body}
</body>
</html>
"""


def write(name: str, title: str, parts: Iterable[str]) -> Path:
    """Write a report, and return where. Its parts are HTML."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{name}.html"
    path.write_text(PAGE.format(title=escape(title), about=escape(describe()), body="\n".join(parts)), "utf-8")
    return path


def describe() -> str:
    """Return commit, date and machine."""
    machine = f"{platform.node()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}"
    now = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")
    return f"{find_commit()} · {now} · {machine} · Python {platform.python_version()}"


def find_commit() -> str:
    """Return the short hash of what is checked out, with a mark where files differ from it."""
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - from PATH
    except (OSError, subprocess.CalledProcessError):
        return "no commit"
    return f"commit {done.stdout.strip()}"


def paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def heading(text: str) -> str:
    return f"<h2>{escape(text)}</h2>"


def quote(text: str) -> str:
    return f"<pre>{escape(text)}</pre>"


def table(titles: Sequence[str], rows: Iterable[Sequence[object]], texts: Sequence[int] = ()) -> str:
    """Return a table. The columns in `texts` are code; all others but the first are numbers."""
    marks = [' class="text"' if place in texts else "" for place in range(len(titles))]

    def write_row(tag: str, cells: Sequence[object]) -> str:
        written = (f"<{tag}{mark}>{escape(str(cell))}</{tag}>" for mark, cell in zip(marks, cells, strict=True))
        return f"<tr>{''.join(written)}</tr>"

    lines = [write_row("th", titles), *(write_row("td", row) for row in rows)]
    return f'<div class="scroll"><table>{"".join(lines)}</table></div>'
