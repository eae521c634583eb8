# kit: updated by the template
"""Lints migrations: with the rules of squawk that count, and a few of our own."""

import json
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from service.kit.migrate.files import Migration, MigrationOptions, read_migration_files
from service_tools.dev import programs, template
from tests.kit import migration_rules as rules

ROOT = Path(__file__).parents[2]
IGNORE = re.compile(r"squawk-(?:ignore|disable|enable)")
EXPLAINED = re.compile(r"--\s*squawk-ignore(?:-file)?\s+[a-z-]+(?:\s*,\s*[a-z-]+)*\s+--\s*\S+\s+\S")
"""An ignore that names its rules and, behind another `--`, a reason of at least two words."""

BEGINNING = r"(?:\A|;|\b(?:begin|then|else|loop)\b)\s*"
"""Where a statement may begin, in a file or in the body of a `do`."""


class Finding(NamedTuple):
    """One thing that is wrong in a file."""

    file: str
    line: int
    rule: str
    message: str

    def __str__(self) -> str:
        """Return file and line, rule, and message."""
        return f"{self.file}:{self.line}: {self.rule}: {self.message}"


def choose_migrations(folder: Path) -> list[Migration]:
    """Return the files from the number in migrations/linted-from on, or all if there is no such file."""
    path = folder / "linted-from"
    first = re.match(r"\d{1,4}\b", path.read_text("utf-8") if path.exists() else "0")
    assert first, f"{path}: begin it with the number of a file, like 0001"
    return [migration for migration in read_migration_files(folder) if migration.number >= int(first[0])]


def check_migrations(folder: Path) -> list[Finding]:
    """Return what is wrong with the migrations of a folder."""
    files = choose_migrations(folder)
    standalone = [file for file in files if file.is_standalone]
    within = [file for file in files if not file.is_standalone]
    found = [*run_squawk(folder, within), *run_squawk(folder, standalone, "--no-assume-in-transaction")]
    for file in files:
        found += [*find_ours(file), *find_unexplained(file)]
    return sorted(set(found))


def are_older_than_update() -> bool:
    """Return whether all migrations were there before the template's last update, and so passed its older rules."""
    folder = ("--", str(MigrationOptions().folder))
    try:
        base = template.find_commit_before_update()
        changed = programs.run_program("git", "diff", "--name-only", base, *folder)
        return not changed and not programs.list_files("--others", *folder)
    except programs.ProgramError:  # there is no git, no update, or a clone without that commit
        return False


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
    found = [item for item in json.loads(done.stdout) if item["rule_name"] in rules.ADVICE]
    keys = {(item["file"], item["line"]) for item in found if rules.ADVICE[item["rule_name"]] == rules.KEY}
    for item in found:
        file, line, rule = item["file"], item["line"], item["rule_name"]
        is_ours = rule == "unused-ignore" and item["message"].endswith((*rules.STATEMENTS, *rules.COLUMNS))
        is_key = rule == "constraint-missing-not-valid" and (file, line) in keys  # which cannot be `not valid`
        if not is_ours and not is_key:
            advice = rules.ADVICE[rule] or item["help"] or ""
            yield Finding(file, line + 1, rule, f"{item['message']} {advice}".strip())


def find_ours(migration: Migration) -> Iterator[Finding]:
    """Yield findings of our own rules."""
    code = migration.sql
    for unread in rules.UNREAD:
        code = unread.sub(blank, code)
    above = ["", *migration.sql.splitlines()]
    for position, rule in sorted({*find_statements(code), *find_columns(code)}):
        line = code.count("\n", 0, position)
        if not (IGNORE.search(above[line]) and rule in above[line]):
            yield Finding(migration.name, line + 1, rule, rules.ADVICE[rule])


def blank(match: re.Match[str]) -> str:
    """Return as many lines without text."""
    is_run = match.groupdict().get("block")
    return match[0] if is_run else re.sub(r"[^\n]", " ", match[0])


def search(beginning: str, code: str) -> Iterator[re.Match[str]]:
    """Yield the statements of a file that begin like this, as the group `it`."""
    return re.finditer(rf"{BEGINNING}(?P<it>{beginning})", code, rules.FLAGS)


def find_statements(code: str) -> Iterator[tuple[int, str]]:
    """Yield the position and rule of each statement that does harm to a table which is there already."""
    created = {normalize_name(match["name"]) for match in search(rf"{rules.CREATE_TABLE}(?P<name>{rules.NAME})", code)}
    for rule, beginning in rules.STATEMENTS.items():
        for match in search(beginning, code):
            names = match.groupdict()
            if normalize_name(names.get("new") or names.get("table") or "") not in created:
                yield match.start("it"), rule


def normalize_name(name: str) -> str:
    return name.lower().replace('"', "").removeprefix("public.")


def find_columns(code: str) -> Iterator[tuple[int, str]]:
    """Yield the position and rule of each column with a type that does harm."""
    for rule, types in rules.COLUMNS.items():
        column = re.compile(rf"{rules.COLUMN}(?P<type>{types})\b", rules.FLAGS)
        for statement in search(rules.HAS_COLUMNS, code):
            for match in column.finditer(statement["it"]):
                yield statement.start("it") + match.start("type"), rule


def find_unexplained(migration: Migration) -> Iterator[Finding]:
    """Yield comments that silence a rule without a reason."""
    for line, text in enumerate(migration.sql.splitlines(), 1):
        if IGNORE.search(text) and not EXPLAINED.search(text):
            advice = "Give the reason, in this form: -- squawk-ignore ban-drop-column -- no release since 1.4 reads it"
            yield Finding(migration.name, line, "unexplained-ignore", advice)
