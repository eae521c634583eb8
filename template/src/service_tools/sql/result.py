# kit: updated by the template; extend it from app.py
"""Compare the arguments and the result of a statement with the types that its `Query` declares."""

from collections.abc import Sequence
from types import NoneType

import asyncpg

from service.kit.db.nested import Column, is_json, list_alternatives
from service.kit.db.query import AnyQuery
from service_tools.sql import types
from service_tools.sql.json_values import check_json, describe_null
from service_tools.sql.nulls import explain_expression, explain_output, explain_present
from service_tools.sql.scope import Scope, list_outputs, list_targets, walk_scopes
from service_tools.sql.statement import Finding, Findings
from service_tools.sql.tree import MERGE, Node, walk_nodes

RECORD = 2249
"""The type of a row that is of no table."""

NOT_SHOWN = ("NULLTEST", "exclRelTlist", "joinaliasvars")
"""Parts of a tree that show no value: whether one is null is all that a test asks."""


def check_params(query: AnyQuery, expected: Sequence[str]) -> Findings:
    """Compare the declared arguments with those that PostgreSQL infers."""
    declared = query.params
    count = len(expected)
    if len(declared) != count:
        detail = f"it declares {len(declared)} arguments and takes {count}"
        listed = ", ".join(expected)
        yield Finding("params", detail, f"Declare them in order: {listed}.")
        return
    for index, kind in enumerate(expected):
        annotation = declared[index]
        if not types.fits_argument(kind, annotation):
            written = types.format_annotation(annotation)
            detail = f"${index + 1} is {kind}, and declared {written}"
            yield Finding("params", detail, "Correct `params`, or cast it in SQL.")


def list_nullable_params(query: AnyQuery) -> set[int]:
    """Return the numbers of the arguments that may be None."""
    nullable = set()
    for number, annotation in enumerate(query.params, 1):
        if NoneType in list_alternatives(annotation):
            nullable.add(number)
    return nullable


def check_nullable_params(scope: Scope) -> Findings:
    """Refuse an argument that may be None where the column may not be null."""
    for inner in walk_scopes(scope):
        query = inner.query
        if query.resultRelation and query.commandType != MERGE:
            yield from check_sent(inner)


def check_sent(scope: Scope) -> Findings:
    query = scope.query
    table = scope.get_source(query.resultRelation).relid
    targets = list(query.targetList)
    if query.onConflict:
        targets += query.onConflict.onConflictSet
    for target in targets:
        column = (table, target.resno)
        if target.resjunk or column not in scope.catalog.not_null:
            continue
        reason = explain_expression(target.expr, scope)
        if reason.startswith("$"):
            name = scope.catalog.columns[column]
            detail = f"{reason}, and {name} is never null"
            yield Finding("params", detail, "Leave `| None` out of `params`, or coalesce it.")


def check_whole_rows(tree: Node) -> Findings:
    """Refuse `to_jsonb(t)`, `select t` and the like: they show all columns, also later ones."""
    if any(is_whole_row(node) for node in walk_nodes(tree, NOT_SHOWN)):
        advice = "List the columns, as in jsonb_build_object('id', t.id), or in a subquery."
        yield Finding("star", "it takes whole rows of a table, as * does", advice)


def is_whole_row(node: Node) -> bool:
    """Return whether a node is a row of a table. A row of a subquery has its columns listed."""
    is_row = node.tag == "VAR" and node.varattno == 0
    return bool(is_row and node.vartype != RECORD)


def check_columns(scope: Scope, query: AnyQuery, columns: Sequence[asyncpg.Attribute]) -> Findings:
    """Compare the result with the row type: count, names, types, and nulls."""
    fields = types.list_fields(query)
    if not fields:
        detail = "its row is a function, so nothing is known of it"
        yield Finding("columns", detail, "Use a struct, or a plain type.")
    if not fields or not columns:
        return
    if len(fields) != len(columns):
        detail = f"it returns {len(columns)} columns for {len(fields)} fields"
        names = ", ".join(column.name for column in columns)
        yield Finding("columns", detail, f"It returns {names}.")
        return
    sources = list_sources(scope)
    filled = {field.path: source for field, source in zip(fields, sources, strict=True)}
    for index, field in enumerate(fields):
        column = columns[index]
        source = sources[index]
        prefix = field.path[: field.path.rfind(".") + 1]
        is_swapped = filled.get(f"{prefix}{source}", source) != source
        if field.path and (field.path != column.name or is_swapped):
            filling = source or column.name
            detail = f"column {filling} fills the field {field.path}"
            yield Finding("columns", detail, "Put the columns in the fields' order.")
        else:
            yield from check_column(scope, index, field, column)
        if is_json(field.type):
            yield from check_json(list_outputs(scope, index), field.type, column.name)
            yield from check_has_sample(query, column.name)


def check_column(scope: Scope, index: int, field: Column, column: asyncpg.Attribute) -> Findings:
    kind = scope.catalog.types[column.type.oid]
    if not types.fits_column(kind, field.type):
        written = types.format_annotation(field.type)
        detail = f"{column.name} is {kind}, not {written}"
        yield Finding("types", detail, "Correct the field, or cast it in SQL.")
    elif not types.allows_none(field.type):
        reason = explain_output(scope, index)
        if field.present is not None:
            reason = explain_present(scope, index, field.present)
        yield from describe_null(field.path, column.name, reason)


def check_has_sample(query: AnyQuery, column: str) -> Findings:
    if not query.sample:
        detail = f"nothing shows that {column} decodes into the field"
        yield Finding("types", detail, "Give it a sample: the tests run it and decode the rows.")


def list_sources(scope: Scope) -> list[str]:
    """Return the table's column behind each column of a result, or "" for a computed one."""
    sources = []
    for target in list_targets(scope.query):
        column = (target.resorigtbl, target.resorigcol)
        name = scope.catalog.columns.get(column, "")
        sources.append(name.rpartition(".")[2])
    return sources
