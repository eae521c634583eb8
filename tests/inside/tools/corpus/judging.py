"""What the contract finds about one case of each kind."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import asyncpg
from inside.tools.corpus.case import Case, Setting, Source, Table
from service.kit.db.query import AnyQuery
from service.kit.work.command_error import CommandError
from service_tools.sql import catalog, contract, indexes, samples, scratch
from service_tools.sql.budgets import Budgets, read_budgets

from tests.kit import source

type Findings = dict[str, str]
"""What is said, by rule."""


async def judge_statements(
    connection: asyncpg.Connection, cases: Mapping[str, Case], budgets: Budgets
) -> dict[str, Findings]:
    """Return what is found about statements. Each is in a slice of its own."""
    queries: list[tuple[str, AnyQuery]] = []
    names = {}
    for name, case in cases.items():
        slice_name = name.replace(".", "_")
        names[f"{slice_name}.it"] = name
        for number, query in enumerate(case.beside):
            queries.append((f"{slice_name}.beside_{number}", query))
        queries.append((f"{slice_name}.it", case.query))
    found: dict[str, Findings] = {name: {} for name in cases}
    for statement in await contract.check_statements(connection, queries, budgets):
        if statement.name in names:
            said = {finding.rule: str(finding) for finding in statement.findings}
            found[names[statement.name]] = said
    for name, case in cases.items():
        for reason in await samples.check_sample(connection, case.query):
            found[name]["sample"] = str(reason)
    return found


def judge_source(case: Source) -> Findings:
    """Return what is found about a module, or how it fails: some changes are refused when they are made."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, case.file)
        path.write_text(case.text, "utf-8")
        for _, advice in source.find_strays(path):
            return {"constant": advice}
    try:
        exec(compile(case.text, case.file, "exec"), {"__name__": case.name})
    except (AttributeError, TypeError) as error:
        return {"constant": str(error)}
    return {}


async def judge_setting(connection: asyncpg.Connection, case: Setting) -> Findings:
    """Return what is found about budgets."""
    try:
        await catalog.read_catalog(connection, read_setting(case))
    except CommandError as error:
        return {"budgets": str(error)}
    return {}


def read_setting(case: Setting) -> Budgets:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "budgets.toml")
        path.write_text(case.text, "utf-8")
        return read_budgets(path)


async def judge_table(connection: asyncpg.Connection, case: Table, budgets: Budgets) -> Findings:
    """Return what is found about the foreign keys and indexes of new tables."""
    before = {*await list_problems(connection, ())}
    async with samples.rolled_back(connection):
        await connection.execute(case.sql)
        used: list[str] = []
        if case.used_by:
            await scratch.restore_statistics(connection, budgets)
            queries = [(f"tables.{number}", query) for number, query in enumerate(case.used_by)]
            for statement in await contract.check_statements(connection, queries, budgets):
                used += statement.indexes
        after = await list_problems(connection, used)
    return {rule: text for rule, text in after if (rule, text) not in before}


async def list_problems(connection: asyncpg.Connection, used: Sequence[str]) -> list[tuple[str, str]]:
    """Return what is wrong with all foreign keys and indexes, each with its rule."""
    keys = await indexes.check_foreign_keys(connection)
    unused = await indexes.check_indexes(connection, {*used}, {})
    return [*(("foreign_key", text) for text in keys), *(("unused_index", text) for text in unused)]
