# kit: updated by the template; extend it from app.py
"""Compare the JSON that a statement makes with the type of a field, as far as its text tells.

What it does not tell, like the JSON of a table, shows when the statement runs with its sample.
"""

from collections.abc import Iterable, Sequence
from typing import Any, get_args, get_origin

from msgspec import structs

from service.kit.db.nested import find_struct, list_alternatives
from service_tools.sql import types
from service_tools.sql.nulls import explain_expression
from service_tools.sql.scope import TEXT, Origin, Scope, list_outputs
from service_tools.sql.statement import Finding, Findings
from service_tools.sql.tree import EXPRESSION, Node

OBJECTS = ("json_build_object", "jsonb_build_object")
LISTS = ("json_agg", "jsonb_agg")

TYPE_FIELDS = (
    "aggtype",
    "casetype",
    "coalescetype",
    "consttype",
    "funcresulttype",
    "opresulttype",
    "paramtype",
    "resulttype",
    "vartype",
)
"""The fields in which nodes have the oid of their type."""


def check_json(origins: Iterable[Origin], annotation: Any, path: str) -> Findings:
    """Compare what is made by `json_build_object` and `json_agg` with a type."""
    for scope, node in origins:
        name = node.function.name if hasattr(node, "function") else ""
        struct = find_struct(annotation)
        if node.tag == "COALESCEEXPR":
            yield from check_json([(scope, node.args[0])], annotation, path)
        elif node.tag == "SUBLINK" and node.subLinkType == EXPRESSION:
            inner = list_outputs(scope.enter(node.subselect), 0)
            yield from check_json(inner, annotation, path)
        elif name in LISTS:
            (item,) = node.args
            for kind in list_alternatives(annotation):
                if get_origin(kind) is list:
                    yield from check_json([(scope, item.expr)], get_args(kind)[0], f"{path}[]")
        elif name in OBJECTS and struct:
            yield from check_object(scope, node.args, struct, path)


def check_object(scope: Scope, args: Sequence[Node], struct: Any, path: str) -> Findings:
    """Compare the keys of an object with those of a struct, and the types of values."""
    given = dict(zip(map(read_key, args[::2]), args[1::2], strict=True))
    fields = {field.encode_name: field for field in structs.fields(struct)}
    for name in sorted(given.keys() - fields.keys()):
        detail = f"{path} has the key {name}, and {struct.__name__} has no such field"
        yield Finding("columns", detail, "Correct the key, or leave it out.")
    for name, field in fields.items():
        where = f"{path}.{name}"
        if name in given:
            yield from check_value(scope, given[name], field.type, where)
        elif field.required:
            detail = f"{path} lacks the key {name}"
            yield Finding("columns", detail, f"Add it, or give {struct.__name__} a default.")


def read_key(node: Node) -> str:
    """Return a constant: a text begins with its length, and what has no type ends with a zero."""
    value: bytes = getattr(node, "constvalue", b"")
    return (value[4:] if getattr(node, "consttype", 0) == TEXT else value[:-1]).decode()


def check_value(scope: Scope, node: Node, annotation: Any, path: str) -> Findings:
    oid = next((getattr(node, name) for name in TYPE_FIELDS if hasattr(node, name)), None)
    kind = scope.catalog.types.get(oid) if oid is not None else None
    if kind and not types.fits_column(kind, annotation):
        written = types.format_annotation(annotation)
        yield Finding(
            "types", f"{path} is {kind}, not {written}", "Correct the field, or cast it in SQL."
        )
    elif not types.allows_none(annotation):
        reason = explain_expression(node, scope)
        yield from describe_null(path, path, reason)
    yield from check_json([(scope, node)], annotation, path)


def describe_null(field: str, column: str, reason: str) -> Findings:
    if not reason:
        return
    name = field or "row"
    fix = f"Let the field be `{name}: … | None`, or coalesce it"
    detail = f"{column} can be null: {reason}"
    if "not known" in reason:
        detail = f"{column}: {reason}"
        fix = f"{fix}, or excuse `nulls` and give a sample, which is run"
    yield Finding("nulls", detail, f"{fix}.")
