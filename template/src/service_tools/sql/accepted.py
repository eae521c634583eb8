# kit: updated by the template; extend it from app.py
"""perf/accepted.json: findings of newer rules in statements that passed the contract before.

An update of the template brings rules, and turns no service red by what they find where all else is
as it was. Before the team changes something there, `service plans --accept` writes that down.
"""

from pathlib import Path
from zlib import crc32

import click
import msgspec

from service.kit.commands.queries import locate_query
from service_tools.dev import results, template
from service_tools.dev.programs import ExitError, list_files, run_program
from service_tools.sql.statement import Statement, Statements

ACCEPTED_FILE = Path("perf/accepted.json")
ABOUT = "Written by `service plans --accept`. Correct these statements, or excuse them."
NEVER = {"scope"}
"""Rules without acceptance: rows of another account leak."""


class Accepted(msgspec.Struct):
    """The file: the rules that are accepted for each statement."""

    about: str = ABOUT
    rules: dict[str, list[str]] = {}


def read_accepted() -> Accepted:
    """Return what is accepted: nothing where there is no file."""
    try:
        return msgspec.json.decode(ACCEPTED_FILE.read_bytes(), type=Accepted)
    except FileNotFoundError:
        return Accepted()
    except msgspec.DecodeError as error:
        advice = "Restore the file from git."
        raise click.ClickException(f"{ACCEPTED_FILE}: {error}. {advice}") from None


def sign_statement(statement: Statement) -> str:
    """Return the name of a statement with a digest of its text: edited, it is another one."""
    return f"{statement.name} {crc32(statement.query.sql.encode()):08x}"


def accept_findings(statements: Statements) -> list[str]:
    """Accept what is new with the last update, and take off what was accepted and is gone.

    Returns what is accepted now, as in `describe_accepted`.
    """
    before = read_accepted().rules
    base = template.find_commit_before_update()
    accepted = Accepted()
    for statement in statements:
        key = sign_statement(statement)
        rules = {finding.rule for finding in statement.findings} - NEVER
        if rules and not is_new(statement, base):
            rules.intersection_update(before.get(key, ()))
        if rules:
            accepted.rules[key] = sorted(rules)
    if accepted.rules:
        text = msgspec.json.format(msgspec.json.encode(accepted))
        ACCEPTED_FILE.parent.mkdir(exist_ok=True)
        ACCEPTED_FILE.write_bytes(text + b"\n")
    else:
        ACCEPTED_FILE.unlink(missing_ok=True)
    return describe_accepted(accepted)


def describe_accepted(accepted: Accepted) -> list[str]:
    """Return each statement with its accepted rules: `orders.newest [filter, order]`."""
    return [f"{key.split()[0]} [{', '.join(rules)}]" for key, rules in accepted.rules.items()]


def list_broken(statements: Statements) -> tuple[list[str], list[str]]:
    """Return a line for each finding that is not accepted, with the place of its statement.

    First those that fail the suite; then those that an update brought and that do not.
    """
    accepted = read_accepted().rules
    base = template.find_commit_before_update()
    lines: tuple[list[str], list[str]] = ([], [])
    for statement in statements:
        _, _, name = statement.name.rpartition(".")
        rules = accepted.get(sign_statement(statement), ())
        found = [finding for finding in statement.findings if finding.rule not in rules]
        place = locate_query(statement.query) if found else ""
        for finding in found:
            is_pending = finding.rule not in NEVER and is_new(statement, base)
            lines[is_pending].append(f"{place} {name} [{finding.rule}] {finding}")
    return lines


def is_new(statement: Statement, base: str) -> bool:
    """Return whether what is found in a statement is new with the rules: all else is as before."""
    others = ("--", "migrations", "perf/budgets.toml", f"src/service/{statement.slice_name}")
    try:
        is_changed = not base or run_program("git", "diff", "--name-only", base, *others)
    except ExitError:  # a clone without that commit
        return False
    return not is_changed and not list_files("--others", "--exclude-standard", *others)


def list_accepted() -> results.Findings:
    """Yield what is accepted, for the doctor."""
    accepted = read_accepted()
    count = sum(map(len, accepted.rules.values()))
    if count:
        listed = ", ".join(describe_accepted(accepted))
        says = f"Accepted findings of the SQL contract: {count}, of {listed}."
        yield results.Finding("contract-accepted", says, "", str(ACCEPTED_FILE))
