"""Planted faults: each breaks a promise, and a named test has to notice it and say so.

The faults are the tables beside this file: those of `template.toml` are in the template's own repository, all others
in a rendered service. Each has what it `breaks`, the `file` it is in, the `text` that stands there once and what stands
there `instead`, the `test` that has to fail, and what that test `says`. Without a `text`, the file is removed; without
`instead`, the text is.
"""

import os
import tomllib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.harness import snapshot

PAGE = snapshot.ROOT / "docs/contributing/planted-faults.md"
BEGIN, END = "<!-- faults -->\n", "<!-- end of faults -->"

TEMPLATE = "template"
"""The table of faults in the template's own repository."""


class Fault(NamedTuple):
    """One fault. `table` is the name of its table, `name` its own in there."""

    table: str
    name: str
    breaks: str
    file: str
    test: str
    says: str
    text: str = ""
    instead: str = ""

    @property
    def label(self) -> str:
        return f"{self.table}.{self.name}"


def read() -> list[Fault]:
    """Return all faults, table by table."""
    paths = sorted(Path(__file__).parent.glob("*.toml"))
    tables = {path.stem: tomllib.loads(path.read_text()) for path in paths}
    return [Fault(table, name, **fault) for table, faults in tables.items() for name, fault in faults.items()]


def spoil(fault: Fault, folder: Path) -> str:
    """Return what the file of a fault would contain. The text that it replaces has to stand there exactly once."""
    content = (folder / fault.file).read_text()
    if not fault.text:
        return ""
    count = content.count(fault.text)
    assert count == 1, f"{fault.label}: correct its `text`, which stands {count} times in {fault.file}:\n{fault.text}"
    return content.replace(fault.text, fault.instead)


@contextmanager
def plant(fault: Fault, folder: Path) -> Generator[None]:
    """Put a fault into the service or the template in `folder` while the block runs.

    Afterwards the file has the time that it had, by which Python knows the module that it has compiled.
    """
    path, spoilt = folder / fault.file, spoil(fault, folder)
    content, times = path.read_bytes(), path.stat()
    if fault.text:
        path.write_text(spoilt)
    else:
        path.unlink()
    try:
        yield
    finally:
        path.write_bytes(content)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def draw(faults: list[Fault]) -> str:
    """Return the tables in Markdown."""
    lines = []
    for table in dict.fromkeys(fault.table for fault in faults):
        lines += [f"\n## {table}\n", "| what is broken | in | what fails |", "|---|---|---|"]
        for fault in [fault for fault in faults if fault.table == table]:
            test = fault.test.partition("::")[2].partition("[")[0].replace("_", " ").removeprefix("test ")
            lines.append(f"| {fault.breaks} | `{fault.file}` | {test} |")
    return "\n".join([*lines, "", ""])


def write_page(page: str, faults: list[Fault]) -> str:
    """Return the page with its tables renewed."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{draw(faults)}{END}{after}"
