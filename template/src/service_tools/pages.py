# kit: updated by the template; extend it from app.py
"""Reports: printed on the terminal, and written to perf/reports/ as an HTML page and as JSON.

Each run has files of its own, named by its time. `index.html` lists them.
"""

import os
import platform
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

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
  --c6: #b8a100; --c7: #1fa3b8; --c8: #a8623a; --c9: #e0699f; --c10: #6b8e23; --c11: #5b6bd6;
  --c12: #b04ad0;
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
td:first-child div {{ width: max-content; max-width: 18rem; overflow-wrap: anywhere }}
@media (max-width: 40rem) {{
  td:first-child div {{ max-width: 8.5rem }}
  :is(.of1, .of2, .of3, .of4, .of5):has(.text) {{
    display: grid; grid-template-columns: repeat(var(--narrow), auto);
    & :is(tbody, tr) {{ display: grid; grid-column: 1 / -1; grid-template-columns: subgrid }}
    & .text {{ display: block; grid-column: 1 / -1 }}
  }}
}}
figure {{ margin: 0 }}
figcaption {{ font-weight: 600 }}
svg {{ display: block; width: 100%; height: auto; font: 12px system-ui, sans-serif }}
svg text {{ fill: currentColor; text-anchor: end }}
svg text.x {{ text-anchor: middle }}
svg .grid {{ stroke: var(--line) }}
svg .span {{ fill: #8883; stroke: var(--soft); stroke-dasharray: 4 3 }}
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
.bars {{ grid-column: 1 / -1 }}
.bars div {{ display: grid; grid-template-columns: minmax(5rem, 9rem) 1fr; margin: .25rem 0 }}
.bars b {{ font-weight: 400; overflow-wrap: anywhere; line-height: 1.2 }}
.bars div > span {{ display: flex; align-items: center; white-space: nowrap; font-size: 13px }}
.bars i {{ height: 1.1rem; flex: none }}
.next code {{ background: #8882; padding: .1rem .3rem; overflow-wrap: anywhere }}
pre {{
  background: #8881; padding: .8rem; font-size: 13px; white-space: pre-wrap; overflow-wrap: anywhere
}}
</style>
</head>
<body>
<h1>{title}</h1>
<p class="about">{about} · <a href="index.html">all reports</a></p>
{body}
</body>
</html>
"""


type Record = dict[str, Any]
"""A row of a table, by the titles of its columns."""


class Page:
    """A report. With `as_json`, it prints only the results, as JSON."""

    def __init__(self, name: str, title: str, as_json: bool = False) -> None:
        self.name = name
        self.title = title
        self.as_json = as_json
        self.parts: list[str] = []
        self.tables: list[list[Record]] = []
        self.next: list[Record] = []
        self.is_cut_short = False

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

    def show_charts(self, *charts: str) -> None:
        """Put charts side by side, where there is room."""
        self.parts.append(f'<div class="charts">{"".join(charts)}</div>')

    def suggest(self, command: str, reason: str) -> None:
        """Name the command that looks further, as in "service perf cpu", once. Shown last."""
        suggestion = {"command": command, "reason": reason}
        if suggestion not in self.next:
            self.next.append(suggestion)

    def tabulate(self, columns: Columns, rows: Sequence[Sequence[object]]) -> list[Record]:
        """Print a table, put it on the page, and return its rows. One without rows is left out."""
        table = [dict(zip(columns, row, strict=True)) for row in rows]
        if not rows:
            return table
        self.tables.append(table)
        cells = format_rows(columns, rows)
        self.print(align_rows(columns, cells))
        lines = [write_row("th", columns, columns)]
        lines += [write_row("td", row, columns) for row in cells]
        narrow = [spec for spec in columns.values() if spec != TEXT]
        style = f'class="of{len(narrow)}" style="--narrow: {len(narrow)}"'
        self.parts.append(f'<div class="scroll"><table {style}>{"".join(lines)}</table></div>')
        return table

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
            self.is_cut_short = True
            self.remark(CUT_SHORT)
            click.echo(CUT_SHORT, err=True)

    def finish(self, results: object = None) -> None:
        """Write the page and its JSON, and print where they are. Raises `CommandError`.

        Without results, the JSON has the tables.
        """
        if results is None:
            results = self.tables
        if self.as_json:
            click.echo(encode_json(results))
        for suggestion in self.next:
            self.print(["Next: {command}: {reason}".format(**suggestion)])
        origin = describe_origin()
        text = PAGE.format(
            title=escape(self.title),
            about=escape(" · ".join(origin.values())),
            body="\n".join([*self.parts, *self.list_suggestions()]),
        )
        document = {
            "report": self.name,
            "title": self.title,
            **origin,
            "is_cut_short": self.is_cut_short,
            "next": self.next,
            "results": results,
        }
        try:
            FOLDER.mkdir(parents=True, exist_ok=True)
            path = FOLDER / f"{self.name}-{datetime.now():%Y-%m-%d-%H%M%S-%f}.html"
            path.write_text(text, "utf-8")
            path.with_suffix(".json").write_text(encode_json(document), "utf-8")
            write_index()
        except OSError as error:
            raise CommandError(f"Cannot write to {FOLDER}: {error.strerror}.") from None
        click.echo(f"Report: {path}", err=self.as_json)

    def list_suggestions(self) -> list[str]:
        """Return the commands to run next, each with a link to its last report."""
        if not self.next:
            return []
        lines = ["<h2>Next</h2>", '<ul class="next">']
        for command, reason in map(dict.values, self.next):
            line = f"<li><code>uv run {escape(command)}</code> {escape(reason)}"
            for path in list_reports(command.removeprefix("service perf ").partition(" ")[0])[:1]:
                line += f' <a href="{path.name}">last report</a>'
            lines.append(f"{line}</li>")
        return [*lines, "</ul>"]


def list_reports(name: str = "*") -> list[Path]:
    """Return the pages of a command, or of all commands, the last one first."""
    paths = FOLDER.glob(f"{name}-[0-9]*.html")
    return sorted(paths, key=os.path.getmtime, reverse=True)


def read_reports(name: str) -> list[dict[str, Any]]:
    """Return the JSON of a command's reports, the last one first. Unreadable files are left out."""
    found = []
    for path in list_reports(name):
        try:
            found.append(msgspec.json.decode(path.with_suffix(".json").read_bytes()))
        except (OSError, msgspec.DecodeError):
            continue
    return found


def write_index() -> None:
    """Write the list of all reports."""
    links = [f'<li><a href="{path.name}">{path.stem}</a></li>' for path in list_reports()]
    text = PAGE.format(
        title="Reports", about="The last one is first", body=f"<ul>{''.join(links)}</ul>"
    )
    (FOLDER / "index.html").write_text(text, "utf-8")


def encode_json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def write_row(tag: str, cells: Iterable[str], columns: Columns) -> str:
    """Return a row of a table, whose paths may be broken into lines.

    A block in a cell may have a maximum width; a cell may not.
    """
    written = []
    for cell, spec in zip(cells, columns.values(), strict=True):
        mark = ' class="text"' if spec == TEXT else ""
        text = escape(cell).replace("/", "/<wbr>")
        written.append(f"<{tag}{mark}><div>{text}</div></{tag}>")
    return f"<tr>{''.join(written)}</tr>"


def describe_origin() -> Mapping[str, str]:
    """Return the commit, the time, the machine, and Python's version."""
    machine = f"{platform.node()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}"
    return {
        "commit": find_commit(),
        "time": datetime.now().astimezone().isoformat(" ", "seconds"),
        "machine": machine,
        "python": f"Python {platform.python_version()}",
    }


def find_commit() -> str:
    """Return the short hash of what is checked out, marked as dirty if files differ from it."""
    try:
        commit = programs.run_program("git", "describe", "--always", "--dirty", "--exclude=*")
    except programs.ProgramError:
        return "no commit"
    return f"commit {commit.strip()}"
