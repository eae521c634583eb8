# kit: updated by the template; extend it from app.py
"""Arguments and result of a statement, against the types that its `Query` declares."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from types import NoneType
from typing import Any

import asyncpg

from service.kit.db.query import AnyQuery
from service_tools.sql import nulls, plans, types
from service_tools.sql.finding import Finding
from service_tools.sql.nulls import Known
from service_tools.sql.tree import Tree, walk

RECORD = 2249
"""The type of a row that is of no table."""


def check_params(query: AnyQuery, expected: Sequence[str]) -> Iterator[Finding]:
    """Compare the declared arguments with those that PostgreSQL infers."""
    if len(query.params) != len(expected):
        detail = f"it declares {len(query.params)} arguments and takes {len(expected)}"
        yield Finding("params", detail, f"Declare them in order: {', '.join(expected)}.")
        return
    for number, (declared, kind) in enumerate(zip(query.params, expected, strict=True), 1):
        if not types.takes(kind, declared):
            detail = f"${number} is {kind}, and declared {types.show(declared)}"
            yield Finding("params", detail, "Correct `params`, or cast it in SQL.")


def check_whole_rows(tree: Tree | None) -> Iterator[Finding]:
    """Refuse `to_jsonb(t)`, `select t` and the like, which show every column that the table will
    ever have.
    """
    if any(is_whole_row(part) for part in walk_shown(tree)):
        advice = "List the columns, as in jsonb_build_object('id', t.id), or in a subquery."
        yield Finding("star", "it takes whole rows of a table, as * does", advice)


def is_whole_row(part: Tree) -> bool:
    """Return whether a node is a row of a table. One of a subquery is none: its columns are listed
    there.
    """
    return bool(part["node"] == "VAR" and part["varattno"] == 0 and part["vartype"] != RECORD)


def walk_shown(value: Any) -> Iterator[Tree]:
    """Yield the nodes of a tree, but for those of which only `null` or not is asked."""
    if isinstance(value, dict):
        if value["node"] == "NULLTEST":
            return
        yield value
        parts = [
            part for key, part in value.items() if key not in ("exclRelTlist", "joinaliasvars")
        ]
    else:
        parts = value if isinstance(value, list) else []
    for part in parts:
        yield from walk_shown(part)


def know_params(query: AnyQuery, known: Known) -> Known:
    optional = {
        number: NoneType in types.list_parts(declared)
        for number, declared in enumerate(query.params, 1)
    }
    return replace(known, params=optional)


def check_arguments(query: AnyQuery, tree: Tree | None, known: Known) -> Iterator[Finding]:
    """Refuse an argument that may be None where the column may not be null."""
    known = know_params(query, known)
    for part in walk(tree):
        if (
            part["node"] != "QUERY"
            or not part["resultRelation"]
            or part["commandType"] == nulls.MERGE
        ):
            continue
        table = part["rtable"][part["resultRelation"] - 1]["relid"]
        on_conflict = (part["onConflict"] or {}).get("onConflictSet") or []
        for target in [*(part["targetList"] or []), *on_conflict]:
            place = (table, target["resno"])
            if not target["resjunk"] and place in known.not_null:
                reason = nulls.explain(target["expr"], nulls.enter(part, known))
                if reason.startswith("$"):
                    fix = "Leave `| None` out of `params`, or coalesce it."
                    yield Finding(
                        "params", f"{reason}, and {known.columns[place]} is never null", fix
                    )


def check_columns(
    query: AnyQuery, columns: Sequence[tuple[str, str]], tree: Tree | None, known: Known
) -> Iterator[Finding]:
    """Compare the result with the row type: count, names, types, and nulls."""
    fields = types.list_fields(query.row)
    if fields is None:
        yield Finding(
            "columns",
            "its row is a function, so nothing is known of it",
            "Use a struct, or a plain type.",
        )
    if not fields or not columns:
        return
    if len(fields) != len(columns):
        names = ", ".join(name for name, _ in columns)
        yield Finding(
            "columns",
            f"it returns {len(columns)} columns for {len(fields)} fields",
            f"It returns {names}.",
        )
        return
    sources = list_sources(tree, known, len(columns))
    for index, ((field, annotation), (column, kind)) in enumerate(
        zip(fields, columns, strict=True)
    ):
        source = sources[index]
        swapped = source != field and source in sources and source in dict(fields)
        if field and (
            field != column
            or (swapped and sources[[name for name, _ in fields].index(source)] != source)
        ):
            detail = f"column {source or column} fills the field {field}"
            yield Finding("columns", detail, "Put the columns in the fields' order.")
        elif not types.returns(kind, annotation):
            detail = f"{column} is {kind}, which is no {types.show(annotation)}"
            yield Finding("types", detail, "Correct the field, or cast it in SQL.")
        elif not types.unwrap(annotation)[1]:
            reason = explain(query, tree, known, index)
            fix = f"Let the field be `{field or 'row'}: … | None`, or coalesce it"
            known_not = "not known" in reason
            excuse = ", or excuse `nulls` and give a sample, which is run" if known_not else ""
            if reason:
                said = f"{column}: {reason}" if known_not else f"{column} can be null: {reason}"
                yield Finding("nulls", said, f"{fix}{excuse}.")


async def run_sample(connection: asyncpg.Connection, query: AnyQuery) -> list[str]:
    """Run a statement with its sample, roll back, and return what is null in spite of the row type,
    or went wrong.

    Its sample may be a row that other rows need, or one that is there already: that is no fault of
    the statement.
    """
    try:
        async with plans.undone(connection):
            arguments = await plans.fetch_arguments(connection, query)
            rows = await connection.fetch(query.sql, *arguments) if arguments is not None else []
    except asyncpg.IntegrityConstraintViolationError:
        return []
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        return [f"its sample fails: {error}"]
    never = [
        index
        for index, (_, kind) in enumerate(types.list_fields(query.row) or ())
        if not types.unwrap(kind)[1]
    ]
    names = {[*row.keys()][index] for row in rows for index in never if row[index] is None}
    return [f"{name} is null when it runs with its sample" for name in sorted(names)]


def explain(query: AnyQuery, tree: Tree | None, known: Known, index: int) -> str:
    """Return why a column can be null, or nothing."""
    if tree is None:
        return "it is not known whether it can be null"
    return nulls.explain_column(nulls.enter(tree, know_params(query, known)), index)


def list_sources(tree: Tree | None, known: Known, count: int) -> list[str]:
    """Return the column of a table that each column of a result is, or nothing where it is
    computed.
    """
    if tree is None:
        return [""] * count
    targets = tree["targetList" if tree["commandType"] == nulls.SELECT else "returningList"] or ()
    places = [(it["resorigtbl"], it["resorigcol"]) for it in targets if not it["resjunk"]]
    return [known.columns.get(place, "").rpartition(".")[2] for place in places]
