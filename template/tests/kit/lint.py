# kit: updated by the template
"""Lints migrations: with the rules of squawk that count, and a few of our own."""

import json
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from service.kit.migrate.files import COMMENT, Migration, read_migration_files

ROOT = Path(__file__).parents[2]
IGNORE = re.compile(r"squawk-(?:ignore|disable|enable)")
EXPLAINED = re.compile(r"--\s*squawk-ignore(?:-file)?\s+[a-z-]+(?:\s*,\s*[a-z-]+)*\s+--\s*\S+\s+\S")
"""An ignore that names its rules and, behind another `--`, a reason of at least two words."""

INDEX = "In a file of its own, with `-- migrate: without a transaction` as its first line: "
LATER = "Release code that does without it; once no running release needs it, state that as the reason of an ignore."
VALIDATE = "`add constraint … not valid` in this file, and `validate constraint …` in the next one."
UNIQUE = (
    f"{INDEX}`create unique index concurrently if not exists …`; in the next file `add constraint … using index …`."
)
FILL = "Add it without, give new rows theirs by `alter column … set default …`, and fill the old ones in batches."

ADVICE = {
    "adding-field-with-default": f"{FILL} Or let it be `generated always as (…) virtual`, which is no rewrite: ignore.",
    "adding-foreign-key-constraint": VALIDATE,
    "adding-not-nullable-field": "`add constraint … not null <column> not valid` here; `validate constraint …` next.",
    "adding-required-field": "Give it a constant default; or add it nullable, fill it, and require it afterwards.",
    "adding-serial-primary-key-field": UNIQUE,
    "ban-alter-domain-with-add-constraint": VALIDATE,
    "ban-concurrent-index-creation-in-transaction": f"{INDEX}this statement alone.",
    "ban-drop-column": LATER,
    "ban-drop-constraint": f"Add the one that takes its place first. {LATER}",
    "ban-drop-database": "",
    "ban-drop-domain": LATER,
    "ban-drop-extension": LATER,
    "ban-drop-function": LATER,
    "ban-drop-generated-expression": LATER,
    "ban-drop-not-null": "Release code that copes with null first, and state that as the reason of an ignore.",
    "ban-drop-policy": LATER,
    "ban-drop-schema": LATER,
    "ban-drop-sequence": LATER,
    "ban-drop-table": LATER,
    "ban-drop-trigger": LATER,
    "ban-drop-type": LATER,
    "ban-drop-view": LATER,
    "ban-set-schema": LATER,
    "ban-truncate-cascade": "",
    "ban-uncommitted-transaction": "",
    "changing-column-type": "Add a column of the new type, write both, fill it in batches, read it, drop the old one. "
    "A change that rewrites nothing, like varchar to text: ignore with that reason.",
    "constraint-missing-not-valid": f"{VALIDATE} `exclude` cannot be added so: create it with its table.",
    "disallowed-unique-constraint": UNIQUE,
    "identifier-too-long": "Shorten it.",
    "prefer-timestamp-tz": "",
    "renaming-column": f"Add a column of the new name, write both, and drop the old one later. {LATER}",
    "renaming-object": LATER,
    "renaming-table": f"Or rename it and leave a view of the old name, in one file. {LATER}",
    "require-concurrent-index-creation": f"{INDEX}`create index concurrently if not exists …`.",
    "require-concurrent-index-deletion": f"{INDEX}`drop index concurrently if exists …`.",
    "require-concurrent-partition-detach": f"{INDEX}`alter table … detach partition … concurrently`.",
    "require-concurrent-reindex": f"{INDEX}`reindex index concurrently …`.",
    "syntax-error": "",
    "transaction-nesting": "Take it out: `service migrate` runs each file in a transaction.",
    "unused-ignore": "Write the name of the rule as it stands in the finding.",
}
"""The rules that count, with what to write instead where squawk's own help is not enough. New rules of squawk are left
out until they are reviewed: a new version must not turn a suite red."""

ALTER = r"alter\s+table\b[^;]*?\b"

OURS = {
    "ban-truncate": (r"truncate\b", "It deletes every row and lets nobody in meanwhile. Delete in batches."),
    "ban-lock-table": (
        r"lock\b",
        "It stops the table's traffic until the file is done. Leave locks to the statements.",
    ),
    "ban-rewrite": (
        r"(?:vacuum\s*\(?\s*full|cluster)\b",
        "It lets nobody in while the table is copied. Use pg_repack.",
    ),
    "require-concurrent-refresh": (
        r"refresh\s+materialized\s+view\s+(?!concurrently\b)",
        "Nobody can read it meanwhile. `refresh materialized view concurrently`, which needs a unique index.",
    ),
    "ban-serial-column": (
        rf"{ALTER}add\s+(?:column\s+)?(?:if\s+not\s+exists\s+)?\S+\s+(?:small|big)?serial\d?\b",
        f"It lets nobody in while every row gets a number. {FILL}",
    ),
    "ban-set-unlogged": (
        rf"{ALTER}set\s+(?:un)?logged\b",
        "It lets nobody in while the table is copied, and an unlogged table is empty after a crash. Create a new one.",
    ),
    "ban-disable-trigger": (
        rf"{ALTER}disable\s+(?:trigger|rule)\b",
        "Until it is enabled again, nothing holds what it enforces, foreign keys included. Leave it enabled.",
    ),
    "ban-drop-default": (
        rf"{ALTER}drop\s+default\b",
        f"A running release may leave the column to its default. {LATER}",
    ),
    "ban-mass-change": (
        r"(?:with\b[^;]*?\b)?(?:update\s+(?:only\s+)?[\w.\"]+(?:\s+(?:as\s+)?\w+)?\s+set|delete\s+from|merge\s+into)\b",
        "Each changed row stays locked until the file is done. Change rows in batches, by a script. "
        "Where they are few, ignore this with that reason.",
    ),
    "ban-dynamic-sql": (
        r"do\b\s*(?:language\s+\w+\s*)?(?P<tag>\$\w*\$)(?:(?!(?P=tag)).)*?\bexecute\b",
        "Nobody can check what it runs. Write the statements out.",
    ),
}
"""Rules that squawk lacks: how a statement begins, and the finding's message."""

BEGINNING = r"(?:\A|;|\b(?:begin|then|else|loop)\b)\s*"
"""Where a statement may begin, in a file or in the body of a `do`."""


@dataclass(frozen=True, order=True)
class Finding:
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
    """Yield findings of our own rules."""
    code = COMMENT.sub(lambda comment: re.sub(r"[^\n]", " ", comment[0]), migration.sql)
    lines = ["", *migration.sql.splitlines()]
    for rule, (beginning, message) in OURS.items():
        for statement in re.finditer(rf"{BEGINNING}(?P<it>{beginning})", code, re.IGNORECASE | re.DOTALL):
            line = code.count("\n", 0, statement.start("it")) + 1
            if not (IGNORE.search(lines[line - 1]) and rule in lines[line - 1]):
                yield Finding(migration.name, line, rule, message)


def find_unexplained(migration: Migration) -> Iterator[Finding]:
    """Yield comments that silence a rule without a reason."""
    for line, text in enumerate(migration.sql.splitlines(), 1):
        if IGNORE.search(text) and not EXPLAINED.search(text):
            advice = "Give the reason, in this form: -- squawk-ignore ban-drop-column -- no release since 1.4 reads it"
            yield Finding(migration.name, line, "unexplained-ignore", advice)
