# kit: updated by the template; extend it from app.py
"""What the text of a statement tells: `select *`, which a new column changes, and state that outlasts the request."""

import re
from collections.abc import Iterator

from service.kit.db import AnyQuery
from service_tools.sql.finding import Finding

STAR = re.compile(r"(?:\bselect|\breturning|,)\s+(?:distinct\s+)?(?:\w+\.)?\*", re.IGNORECASE)
LITERALS = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'", re.DOTALL)
SESSION = {
    r"^set\s+(?!local\b)|^reset\b": "Use `set local` in a transaction.",
    r"\bset_config\s*\((?![^;]*,\s*true\s*\))": "Let its third argument be true, in a transaction.",
    r"^(?:un)?listen\b": "Listen on a connection of its own, outside the pool.",
    r"\bpg_(?:try_)?advisory_lock(?:_shared)?\s*\(": "Use pg_advisory_xact_lock, which ends with the transaction.",
    r"^create\s+(?:local\s+)?temp(?:orary)?\b|^(?:prepare|deallocate|discard|load)\b": "Do without.",
    r"^declare\b.*\bwith\s+hold\b": "Leave `with hold` out.",
}
"""How statements begin, or what they call, that outlasts the request on its connection; and what to write instead."""


def check(query: AnyQuery) -> Iterator[Finding]:
    text = LITERALS.sub("''", query.sql)
    if STAR.search(text):
        yield Finding("star", "it selects *", "List the columns; {columns} stands for the fields of the row type.")
    for pattern, advice in SESSION.items():
        if re.search(pattern, text.lstrip(" \n'"), re.IGNORECASE | re.DOTALL):
            yield Finding("session", "what it sets stays on the connection for other requests", advice)
