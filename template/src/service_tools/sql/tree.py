# kit: updated by the template; extend it from app.py
"""PostgreSQL's own tree of a statement, with every name resolved: what it keeps of a function of
that one statement.

The form is that of nodes/outfuncs.c: `{TYPE :field value …}`, `(a list)`, `<>` for nothing. Types
and fields are those of nodes/primnodes.h and nodes/parsenodes.h.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import asyncpg

from service_tools.sql import plans

type Tree = dict[str, Any]

TOKEN = re.compile(r"[(){}]|(?:[^\s(){}\\]|\\.)+", re.DOTALL)
WORDS = {"<>": None, "true": True, "false": False}
PLACES = re.compile(r" :(?:location|stmt_location|stmt_len) -?\d+")


async def parse(connection: asyncpg.Connection, sql: str, kinds: Sequence[str]) -> Tree | None:
    """Return the tree of a statement with arguments of these types, or None for one that no
    function may have.
    """
    create = f"create function pg_temp.statement({', '.join(kinds)}) returns void begin atomic {sql}\n; end"
    try:
        async with plans.undone(connection):
            await connection.execute(create)
            text: Any = await connection.fetchval(
                "select prosqlbody::text from pg_proc where proname = 'statement'"
            )
    except asyncpg.PostgresError:
        return None
    found = read(text)
    return found[0][0] if found else None


def read(text: str) -> Any:
    return read_value(iter(TOKEN.findall(PLACES.sub("", text))))


def read_value(tokens: Iterator[str], word: str = "") -> Any:
    word = word or next(tokens)
    if word == "{":
        node: Tree = {"node": next(tokens)}
        name = next(tokens)
        while name != "}":
            value = read_value(tokens)
            name_or_bytes = next(tokens)
            if name_or_bytes == "[":  # the bytes of a constant, after their number
                value = bytes(int(byte) % 256 for byte in iter(lambda: next(tokens), "]"))
                name_or_bytes = next(tokens)
            node[name[1:]], name = value, name_or_bytes
        return node
    if word == "(":
        return [read_value(tokens, item) for item in iter(lambda: next(tokens), ")")]
    if word in WORDS:
        return WORDS[word]
    return int(word) if word.lstrip("-").isdigit() else re.sub(r"\\(.)", r"\1", word)


def walk(value: Any) -> Iterator[Tree]:
    """Yield every node of a tree."""
    if isinstance(value, dict):
        yield value
    for part in (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    ):
        yield from walk(part)


def read_number(expression: Tree | None) -> int | None:
    """Return the whole number that an expression is, whatever it is cast to; None for any other."""
    while expression and expression["node"] == "FUNCEXPR" and len(expression["args"] or ()) == 1:
        expression = expression["args"][0]
    if (
        not expression
        or expression["node"] != "CONST"
        or expression["constisnull"]
        or expression["constlen"] < 1
    ):
        return None
    return int.from_bytes(expression["constvalue"], "little", signed=True)
