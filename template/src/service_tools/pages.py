# kit: updated by the template; extend it from app.py
"""Reports: printed on the terminal, and written as one HTML file to perf/reports/."""

import os
import platform
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from datetime import datetime
from html import escape
from pathlib import Path

import click
import msgspec

from service.kit.work.command_error import CommandError
from service_tools.dev import programs
from service_tools.tables import TEXT, Columns, align_rows, format_rows

FOLDER = Path("perf/reports")
CUT_SHORT = "Interrupted by Ctrl-C. What was measured until then is below."

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{
  color-scheme: light dark; --line: #8884; --soft: #8888;
  --c0: #2a6fdb; --c1: #d9822b; --c2: #c23b5a; --c3: #2c9a6b; --c4: #8457c9; --c5: #7d8590;
  --c6: #b8a100;
}}
body {{
  font: 15px/1.5 system-ui, sans-serif; max-width: 74rem; margin: 1.5rem auto; padding: 0 1rem
}}
h1 {{ font-size: 1.5rem; margin-bottom: 0 }}
h2 {{ font-size: 1.15rem; margin-top: 2rem; overflow-wrap: anywhere }}
.about {{ opacity: .75; margin-top: .2rem }}
.scroll {{ overflow-x: auto }}
table {{ border-collapse: collapse }}
tr {{ border-bottom: 1px solid var(--line) }}
td, th {{
  text-align: right; vertical-align: top; white-space: nowrap; padding: .25rem .8rem .25rem 0
}}
td:first-child, th:first-child, .text {{ text-align: left }}
td:first-child, th:first-child {{ position: sticky; left: 0; background: Canvas }}
th, td:first-child {{ white-space: normal; min-width: 3rem }}
td.text {{
  font: 13px/1.5 ui-monospace, monospace; white-space: normal; overflow-wrap: anywhere;
  min-width: 7rem;
}}
@media (max-width: 40rem) {{
  .text {{ display: block }}
  td:first-child div {{ width: max-content; max-width: 8rem; overflow-wrap: anywhere }}
}}
figure {{ margin: 0 }}
figcaption {{ font-weight: 600 }}
svg {{ display: block; width: 100%; height: auto; font: 12px system-ui, sans-serif }}
svg text {{ fill: currentColor; text-anchor: end }}
svg text.x {{ text-anchor: middle }}
svg .grid {{ stroke: var(--line) }}
svg .mark {{ stroke: var(--soft); stroke-dasharray: 4 3 }}
svg path, svg polyline {{ vector-effect: non-scaling-stroke }}
svg polyline {{ fill: none; stroke: currentColor; stroke-width: 2 }}
svg .dot {{ stroke: currentColor; stroke-width: 5; stroke-linecap: round }}
figure p {{ margin: 0; font-size: 13px }}
figure p span {{ display: inline-block; margin-right: 1rem }}
figure p span::before {{ content: "● " }}
.charts {{
  display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr));
  gap: 1rem 1.5rem; margin: .6rem 0 1.2rem;
}}
.flame {{ min-width: 56rem; margin: .6rem 0 1.2rem; font-size: 12px; line-height: 17px }}
.flame ul {{ display: flex; align-items: end; list-style: none; margin: 0; padding: 0 }}
.flame li {{ flex: none }}
.flame p {{
  margin: 1px 1px 0 0; text-indent: 2px; overflow: hidden; white-space: nowrap;
  color: #111; background: hsl(38 75% 68%);
}}
.flame p[title*="service/"] {{ background: hsl(205 75% 68%) }}
.flame p[title*="/kit/"] {{ background: hsl(150 75% 68%) }}
pre {{
  background: #8881; padding: .8rem; font-size: 13px; white-space: pre-wrap; overflow-wrap: anywhere
}}
</style>
</head>
<body>
<h1>{title}</h1>
<p class="about">{about}</p>
{body}
</body>
</html>
"""


class Page:
    """A report. With `as_json`, it prints only the results, as JSON."""

    def __init__(self, name: str, title: str, as_json: bool = False) -> None:
        self.path = FOLDER / f"{name}.html"
        self.title = title
        self.as_json = as_json
        self.parts: list[str] = []

    def say(self, *sentences: str) -> None:
        """Print sentences, a line each, and put each into a paragraph of the page."""
        self.remark(*sentences)
        self.print(sentences)

    def remark(self, *sentences: str) -> None:
        """Put sentences on the page only."""
        self.parts += [f"<p>{escape(sentence)}</p>" for sentence in sentences]

    def show(self, title: str, html: str = "") -> None:
        """Begin a section of the page, with something that only a browser can show."""
        self.parts += [f"<h2>{escape(title)}</h2>", html]

    def tabulate(self, columns: Columns, rows: Sequence[Sequence[object]]) -> None:
        """Print a table, and put it on the page. One without rows is left out."""
        if not rows:
            return
        cells = format_rows(columns, rows)
        self.print(align_rows(columns, cells))
        lines = [write_row("th", columns, columns)]
        lines += [write_row("td", row, columns) for row in cells]
        self.parts.append(f'<div class="scroll"><table>{"".join(lines)}</table></div>')

    def print(self, lines: Iterable[str]) -> None:
        if not self.as_json:
            for line in lines:
                click.echo(line)

    @contextmanager
    def until_interrupted(self, found: object = True) -> Generator[None]:
        """Let Ctrl-C end only the block, if something was found by then. The page says so."""
        try:
            yield
        except KeyboardInterrupt:
            if not found:
                raise
            self.remark(CUT_SHORT)
            click.echo(CUT_SHORT, err=True)

    def finish(self, results: object = None) -> None:
        """Write the page, and print where it is. Raises `CommandError`."""
        if self.as_json:
            click.echo(msgspec.json.format(msgspec.json.encode(results), indent=2))
        title = escape(self.title)
        about = escape(describe_origin())
        text = PAGE.format(title=title, about=about, body="\n".join(self.parts))
        try:
            FOLDER.mkdir(parents=True, exist_ok=True)
            self.path.write_text(text, "utf-8")
        except OSError as error:
            raise CommandError(f"Cannot write {self.path}: {error.strerror}.") from None
        click.echo(f"Report: {self.path}", err=self.as_json)


def write_row(tag: str, cells: Iterable[str], columns: Columns) -> str:
    """Return a row of a table. A block in a cell may have a maximum width; a cell may not."""
    written = []
    for cell, spec in zip(cells, columns.values(), strict=True):
        mark = ' class="text"' if spec == TEXT else ""
        written.append(f"<{tag}{mark}><div>{escape(cell)}</div></{tag}>")
    return f"<tr>{''.join(written)}</tr>"


def describe_origin() -> str:
    """Return the commit, the time, and the machine."""
    now = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")
    machine = f"{platform.node()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}"
    return f"{find_commit()} · {now} · {machine} · Python {platform.python_version()}"


def find_commit() -> str:
    """Return the short hash of what is checked out, marked as dirty if files differ from it."""
    try:
        commit = programs.run_program("git", "describe", "--always", "--dirty", "--exclude=*")
    except programs.ProgramError:
        return "no commit"
    return f"commit {commit.strip()}"
