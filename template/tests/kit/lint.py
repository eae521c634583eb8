# kit: updated by the template
"""What is wrong with a migration: squawk's findings by the rules that count, and a few of our own."""

import json
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from service.kit.migrate.files import COMMENT, LINTED_FROM, Migration, read_files
from tests.kit.rules import ADVICE, OURS

ROOT = Path(__file__).parents[2]
IGNORE = re.compile(r"squawk-(?:ignore|disable|enable)")
EXPLAINED = re.compile(r"--\s*squawk-ignore(?:-file)?\s+[a-z-]+(?:\s*,\s*[a-z-]+)*\s+--\s*\S+\s+\S")
"""An ignore that names its rules and, behind another `--`, a reason of at least two words."""


@dataclass(frozen=True, order=True)
class Finding:
    """One thing that is wrong in a file."""

    file: str
    line: int
    rule: str
    message: str

    def __str__(self) -> str:
        """Say where, what, and what to write instead."""
        return f"{self.file}:{self.line}: {self.rule}: {self.message}"


def choose(folder: Path) -> list[Migration]:
    """Return the files from the number in migrations/linted-from on; none, where nobody has settled one."""
    path = folder / LINTED_FROM
    if not path.exists():
        return []
    first = re.match(r"\d{1,4}\b", path.read_text("utf-8"))
    assert first, f"{path}: begin it with the number of a file, like 0001"
    return [migration for migration in read_files(folder) if migration.number >= int(first[0])]


def check(folder: Path) -> list[Finding]:
    """Return what is wrong with the migrations of a folder."""
    files = choose(folder)
    standalone = [file for file in files if file.standalone]
    within = [file for file in files if not file.standalone]
    found = [*run_squawk(folder, within), *run_squawk(folder, standalone, "--no-assume-in-transaction")]
    return sorted({*found, *(finding for file in files for finding in [*find_ours(file), *find_unexplained(file)])})


def run_squawk(folder: Path, files: Sequence[Migration], *options: str) -> Iterator[Finding]:
    """Yield squawk's findings by the rules that count."""
    program = shutil.which("squawk", path=sysconfig.get_path("scripts"))
    assert program, "squawk is missing: run `uv sync`"
    if not files:
        return
    command = [program, "--config", str(ROOT / ".squawk.toml"), "--reporter", "json", *options]
    done = subprocess.run(
        [*command, *(file.name for file in files)], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout, done.stderr
    found = [item for item in json.loads(done.stdout) if item["rule_name"] in ADVICE]
    keyed = {(item["file"], item["line"], item["rule_name"]) for item in found}
    for item in found:
        file, line, rule = item["file"], item["line"], item["rule_name"]
        if rule == "unused-ignore" and any(item["message"].endswith(name) for name in OURS):
            continue
        if rule == "constraint-missing-not-valid" and (file, line, "disallowed-unique-constraint") in keyed:
            continue  # no unique constraint can be `not valid`
        advice = ADVICE[rule] or item["help"] or ""
        yield Finding(file, line + 1, rule, f"{item['message']} {advice}".strip())


def find_ours(migration: Migration) -> Iterator[Finding]:
    """Yield the statements that squawk lets pass and we do not."""
    code = COMMENT.sub(lambda comment: re.sub(r"[^\n]", " ", comment[0]), migration.sql)
    lines = ["", *migration.sql.splitlines()]
    for rule, (beginning, message) in OURS.items():
        for statement in re.finditer(rf"(?:\A|;)\s*(?P<it>{beginning})", code, re.IGNORECASE):
            line = code.count("\n", 0, statement.start("it")) + 1
            if not (IGNORE.search(lines[line - 1]) and rule in lines[line - 1]):
                yield Finding(migration.name, line, rule, message)


def find_unexplained(migration: Migration) -> Iterator[Finding]:
    """Yield what silences a rule and does not say why."""
    for line, text in enumerate(migration.sql.splitlines(), 1):
        if IGNORE.search(text) and not EXPLAINED.search(text):
            advice = "Say why, in this form: -- squawk-ignore ban-drop-column -- no release since 1.4 reads it"
            yield Finding(migration.name, line, "unexplained-ignore", advice)
