# kit: updated by the template; extend it from app.py
"""PostgreSQL's own tree of a statement, with every name resolved to its table, column or function.

PostgreSQL keeps it for a function whose body is that statement. The form is that of
nodes/outfuncs.c: `{TAG :field value …}`, `(a list)`, `<>` for nothing. The tags, the fields and the
numbers below are those of nodes/primnodes.h, nodes/parsenodes.h and nodes/nodes.h.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import asyncpg

from service_tools.sql.functions import Function, Functions
from service_tools.sql.samples import rolled_back

# The `commandType` of a query.
SELECT = 1
UPDATE = 2
INSERT = 3
DELETE = 4
MERGE = 5

# The `rtekind` of what stands in a `from`.
TABLE = 0
SUBQUERY = 1
JOIN = 2
FUNCTION = 3
VALUES = 5
WITH = 6
GROUP = 9

# The `jointype` of a join.
INNER = 0
LEFT = 1
FULL = 2
RIGHT = 3

# The `subLinkType` of a subquery in an expression.
EXISTS = 0
ANY = 2
EXPRESSION = 4
ARRAY = 6

INNER_QUERIES = ("subselect", "subquery", "ctequery")
"""The fields of a node that hold a query of its own."""

FUNCTION_FIELDS = ("opfuncid", "funcid", "aggfnoid", "winfnoid")
UNKNOWN_FUNCTION = Function("it")

TOKEN = re.compile(r"[(){}]|(?:[^\s(){}\\]|\\.)+", re.DOTALL)
ESCAPED = re.compile(r"\\(.)")
LOCATION = re.compile(r" :(?:location|stmt_location|stmt_len) -?\d+")
WORDS = {"<>": (), "true": True, "false": False}

TYPE_NAMES = "select array_to_string($1::oid[]::regtype[], ', ')"
FUNCTION_BODY = "select prosqlbody::text from pg_proc where proname = 'statement'"


class Node(SimpleNamespace):
    """A node of the tree. `tag` is its type, like VAR; the other attributes are its fields.

    An empty field is `()`, for PostgreSQL writes an empty list and a missing node alike. `function`
    is what the node calls, if it calls one.
    """

    tag: str


async def parse_statement(
    connection: asyncpg.Connection, sql: str, param_types: Sequence[int], functions: Functions
) -> Node | None:
    """Return the tree of a statement, or None for one like `truncate`, which has none."""
    types = await connection.fetchval(TYPE_NAMES, param_types)
    head = f"create function pg_temp.statement({types}) returns void"
    try:
        async with rolled_back(connection):
            await connection.execute(f"{head} begin atomic {sql}\n; end")
            body: Any = await connection.fetchval(FUNCTION_BODY)
    except asyncpg.PostgresError:
        return None
    tree: Node = read_tree(body, functions)[0][0]
    return tree


def read_tree(text: str, functions: Functions) -> Any:
    """Return what PostgreSQL wrote of a tree: nodes and lists."""
    without_locations = LOCATION.sub("", text)
    tokens = iter(TOKEN.findall(without_locations))
    tree = read_value(tokens, next(tokens))
    for node in walk_nodes(tree):
        for field in FUNCTION_FIELDS:
            if hasattr(node, field):
                node.function = functions.get(getattr(node, field), UNKNOWN_FUNCTION)
    return tree


def read_value(tokens: Iterator[str], first: str) -> Any:
    if first == "{":
        return read_node(tokens)
    if first == "(":
        return [read_value(tokens, item) for item in read_until(tokens, ")")]
    if first in WORDS:
        return WORDS[first]
    if first.lstrip("-").isdigit():
        return int(first)
    return ESCAPED.sub(r"\1", first)


def read_node(tokens: Iterator[str]) -> Node:
    node = Node(tag=next(tokens))
    name = next(tokens)
    while name != "}":
        value = read_value(tokens, next(tokens))
        following = next(tokens)
        if following == "[":  # the bytes of a constant, after their number
            numbers = read_until(tokens, "]")
            value = bytes(int(number) % 256 for number in numbers)
            following = next(tokens)
        setattr(node, name.removeprefix(":"), value)
        name = following
    return node


def read_until(tokens: Iterator[str], end: str) -> Iterator[str]:
    return iter(lambda: next(tokens), end)


def walk_nodes(value: Any, skipped: Collection[str] = ()) -> Iterator[Node]:
    """Yield every node of a tree, but for those with a tag or in a field that is skipped."""
    if isinstance(value, list):
        for part in value:
            yield from walk_nodes(part, skipped)
    if isinstance(value, Node) and value.tag not in skipped:
        yield value
        for name, part in vars(value).items():
            if name not in skipped:
                yield from walk_nodes(part, skipped)


def read_number(expression: Any) -> int | None:
    """Return the whole number that an expression is, whatever it is cast to; None for any other."""
    if not expression:
        return None
    if expression.tag == "FUNCEXPR" and len(expression.args) == 1:
        return read_number(expression.args[0])
    if expression.tag != "CONST" or expression.constisnull or expression.constlen < 1:
        return None
    return int.from_bytes(expression.constvalue, "little", signed=True)
