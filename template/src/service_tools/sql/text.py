# kit: updated by the template; extend it from app.py
"""Check the text of a statement: whether it selects `*`, or changes its session."""

import re

from service.kit.db.query import AnyQuery
from service_tools.sql.statement import Finding, Findings

EXISTS = re.compile(r"\bexists\s*\(\s*select\s+\*", re.IGNORECASE)
"""Here a star returns nothing."""

# A star that follows a word, a comma or a dot, or that no operand follows. `count(*)` and a product
# are not meant.
STAR = re.compile(
    r"""(?:\b(?:select|returning|distinct|all)|,)\s*\*|\.\s*\*|\)\s*\*\s*(?:,|\bfrom\b|$)
    |(?:^|\(|\b(?:union|all|except|intersect|as)\b)\s*table\s+["\w]""",
    re.IGNORECASE | re.VERBOSE,
)
LITERALS = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", re.DOTALL)

SESSION = {
    r"^set\s+(?!(?:local|transaction|constraints)\b)|^reset\b": "Use `set local` in a transaction.",
    r"\bset_config\s*\((?![^;]*,\s*true\s*\))": "Let its third argument be true, in a transaction.",
    r"^(?:un)?listen\b": "Listen on a connection of its own, outside the pool.",
    r"\bpg_(?:try_)?advisory_lock(?:_shared)?\s*\(": (
        "Use pg_advisory_xact_lock, which ends with the transaction."
    ),
    r"^create\s+(?:local\s+)?temp(?:orary)?\b": "Do without.",
    r"^(?:prepare|deallocate|discard|load)\b": "Do without.",
    r"^declare\b.*\bwith\s+hold\b": "Leave `with hold` out.",
}
"""What statements begin with, or call, that stays on the connection after the request; and what to
write instead."""

UNPLANNED = re.compile(r"(?:set\s+(?:local|transaction|constraints)|notify|show)\b", re.IGNORECASE)
"""How statements begin that have no plan, and neither read nor change rows."""


def check_text(query: AnyQuery) -> Findings:
    """Refuse `select *`, and what stays on the connection for other requests."""
    text = strip_literals(query)
    if STAR.search(EXISTS.sub("", text)):
        advice = "List the columns; {columns} stands for the fields of the row type."
        yield Finding("star", "it selects *", advice)
    for advice in list_session_advice(text):
        detail = "what it sets stays on the connection for other requests"
        yield Finding("session", detail, advice)


def check_unplanned(query: AnyQuery) -> Findings:
    """Refuse what PostgreSQL makes no plan of, like `do`, `truncate`, `lock` and `refresh`."""
    text = strip_literals(query)
    if not list_session_advice(text) and not UNPLANNED.match(text):
        detail = (
            "PostgreSQL makes no plan of it, "
            "so nothing is known of the rows that it reads or changes"
        )
        advice = "Write a select, insert, update, delete or merge; a migration may do the rest."
        yield Finding("plan", detail, advice)


def strip_literals(query: AnyQuery) -> str:
    """Return the text of a statement without comments, and with empty literals."""
    return LITERALS.sub("''", query.sql).lstrip(" \n'(")


def list_session_advice(text: str) -> list[str]:
    found = []
    for pattern, advice in SESSION.items():
        if re.search(pattern, text, re.IGNORECASE | re.DOTALL):
            found.append(advice)
    return found
