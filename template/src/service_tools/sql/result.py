# kit: updated by the template; extend it from app.py
"""Compare the arguments and the result of a statement with the types that its `Query` declares."""

from collections.abc import Sequence
from itertools import starmap
from types import NoneType

import asyncpg

from service.kit.db.nested import Column, is_json, list_alternatives
from service.kit.db.query import AnyQuery
from service_tools.sql import types
from service_tools.sql.catalog import Catalog
from service_tools.sql.nulls import (
    explain_expression,
    explain_items,
    explain_output,
)
from service_tools.sql.scope import Scope, list_outputs, list_targets, walk_scopes
from service_tools.sql.statement import Finding, Findings
from service_tools.sql.tree import Node, walk_nodes

RECORD = 2249
"""The type of a row that is of no table."""

NOT_SHOWN = ("NULLTEST", "exclRelTlist", "joinaliasvars")
"""Parts of a tree that show no value: whether one is null is all that a test asks."""


def check_params(query: AnyQuery, oids: Sequence[int], catalog: Catalog) -> Findings:
    """Compare the declared arguments with those that PostgreSQL infers, whose types have oids."""
    expected = [catalog.types[oid] for oid in oids]
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
            yield Finding("params", detail, types.describe_fix(kind))


def open_scope(tree: Node, catalog: Catalog, query: AnyQuery) -> Scope:
    """Return a statement's tree with what its author says of nulls."""
    params = list(enumerate(query.params, 1))
    nullable = {number for number, it in params if NoneType in list_alternatives(it)}
    with_null_items = {number for number, it in params if types.allows_null_items(it)}
    vouched = {name for name, reason in query.never_null.items() if reason}
    return Scope(tree, catalog, nullable, with_null_items, vouched)


def check_nullable_params(scope: Scope) -> Findings:
    """Refuse an argument that may be None where the column may not be null."""
    for inner in walk_scopes(scope):
        query = inner.query
        targets = [*query.targetList] if query.resultRelation else []
        if query.onConflict:
            targets += query.onConflict.onConflictSet
        for action in query.mergeActionList:
            targets += action.targetList
        for target in targets:
            column = (inner.get_source(query.resultRelation).relid, target.resno)
            reason = explain_expression(inner, target.expr)
            if reason.startswith("$") and column in scope.catalog.not_null and not target.resjunk:
                detail = f"{reason}, and {scope.catalog.columns[column]} is never null"
                yield Finding("params", detail, "Leave `| None` out of `params`, or coalesce it.")


def check_whole_rows(tree: Node) -> Findings:
    """Refuse `to_jsonb(t)`, `select t` and the like: they show all columns, also later ones."""
    for node in walk_nodes(tree, NOT_SHOWN):
        is_row = node.tag == "VAR" and node.varattno == 0
        if is_row and node.vartype != RECORD:  # the row of a subquery has its columns listed
            advice = "List the columns, as in jsonb_build_object('id', t.id), or in a subquery."
            yield Finding("star", "it takes whole rows of a table, as * does", advice)
            return


def check_columns(scope: Scope, query: AnyQuery, columns: Sequence[asyncpg.Attribute]) -> Findings:
    """Compare the result with the row type: count, names, types, and nulls."""
    fields = types.list_fields(query)
    if not fields:
        detail = "its row is a function, so nothing is known of it"
        yield Finding("columns", detail, "Use a struct, or a plain type.")
    if not fields or not columns:
        return
    if query.never_null and not query.sample:
        detail = "nothing tries what `never_null` says"
        yield Finding("nulls", detail, "Give it a sample, which the tests run.")
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
            return
        yield from check_column(scope, index, field, column)
        if is_json(field.type) and not query.sample:
            detail = f"nothing shows that {column.name} decodes into the field"
            yield Finding("types", detail, "Give it a sample, which the tests run and decode.")


def check_column(scope: Scope, index: int, field: Column, column: asyncpg.Attribute) -> Findings:
    kind = scope.catalog.types[column.type.oid]
    name = field.path or column.name
    if not types.fits_column(kind, field.type):
        written = types.format_annotation(field.type)
        detail = f"{column.name} is {kind}, not {written}"
        yield Finding("types", detail, types.describe_fix(kind))
        return
    if not types.allows_none(field.type):
        reason = explain_output(scope, index, field.present)
        yield from describe_null(scope, name, reason)
    is_computed = not list_targets(scope.query)[index].resorigtbl
    if kind.endswith("[]") and is_computed and not types.allows_null_items(field.type):
        reasons = starmap(explain_items, list_outputs(scope, index))
        reason = next(filter(None, reasons), "")
        yield from describe_null(scope, name, reason, f"an item of {name}")


def describe_null(scope: Scope, name: str, reason: str, subject: str = "") -> Findings:
    """Yield a finding if something can be null, unless the author says that it never is."""
    if reason and name not in scope.never_null:
        advice = "Let its type allow None, coalesce it, or say why it is not and give a sample"
        detail = f"{subject or name} can be null: {reason}"
        yield Finding("nulls", detail, f"{advice}: never_null={{'{name}': '…'}}.")


def list_sources(scope: Scope) -> list[str]:
    """Return the table's column behind each column of a result, or "" for a computed one."""
    columns = scope.catalog.columns
    targets = list_targets(scope.query)
    names = [columns.get((it.resorigtbl, it.resorigcol), "") for it in targets]
    return [name.rpartition(".")[2] for name in names]
