# kit: updated by the template; extend it from app.py
"""What a statement may leave behind on its connection, where the next request would find it."""

import re
from collections.abc import Iterator

KINDS = {
    r"^set\s+(?!local\b)|^reset\b": "Use `set local` in a transaction.",
    r"\bset_config\s*\((?![^;]*,\s*true\s*\))": "Let its third argument be true, in a transaction.",
    r"^(?:un)?listen\b": "Listen on a connection of its own, outside the pool.",
    r"\bpg_(?:try_)?advisory_lock(?:_shared)?\s*\(": "Use pg_advisory_xact_lock, which ends with the transaction.",
    r"^create\s+(?:local\s+)?temp(?:orary)?\b|^(?:prepare|deallocate|discard|load)\b": "Do without.",
    r"^declare\b.*\bwith\s+hold\b": "Leave `with hold` out.",
}
"""How statements begin, or what they call, that change the session; and what to write instead."""


def find_traces(sql: str) -> Iterator[str]:
    """Yield what to write instead of each part of a statement that would outlast its request.

    `sql` comes without comments and literals: empty quotes stand for them.
    """
    for pattern, advice in KINDS.items():
        if re.search(pattern, sql.lstrip(" \n'"), re.IGNORECASE | re.DOTALL):
            yield advice
