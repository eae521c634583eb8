# kit: updated by the template; extend it from app.py
"""Plans of statements, as PostgreSQL makes them once for all arguments."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

import asyncpg
import msgspec


def write_key(name: str) -> str:
    """Return how PostgreSQL writes the name of a field."""
    return name.replace("_", " ").title()


SUBQUERIES = ("InitPlan", "SubPlan")
ARRAY = re.compile(r"(?:ANY |unnest)\(+((?:Init|Sub)Plan \d+)\)")
"""How PostgreSQL writes that the rows of a subquery are taken as an array."""


class Step(msgspec.Struct, rename=write_key):
    """One step of a plan, as PostgreSQL writes it in JSON, with the steps that feed it."""

    node_type: str
    total_cost: float
    plan_rows: int
    plans: list["Step"] = []
    relation_name: str = ""
    schema: str = ""
    alias: str = ""
    index_name: str = ""
    index_cond: str = ""
    recheck_cond: str = ""
    tid_cond: str = msgspec.field(default="", name="TID Cond")
    filter: str = ""
    join_filter: str = ""
    output: list[str] = []
    sort_key: list[str] = []
    presorted_key: list[str] = []
    group_key: list[str] = []
    grouping_sets: list[Any] = []
    window: str = ""
    join_type: str = ""
    parent_relationship: str = ""
    function_call: str = ""
    subplan_name: str = ""
    cte_name: str = msgspec.field(default="", name="CTE Name")
    cte: "Step | None" = None
    arrays: list["Step"] = []
    """The subqueries whose rows it takes as an array, as in `= any(array(select …))`."""

    @property
    def table(self) -> str:
        """The name of the table that it reads, with that of its schema."""
        return f"{self.schema}.{self.relation_name}"

    @property
    def access(self) -> str:
        """The conditions by which it finds rows, without those that it discards rows by."""
        return join_conditions([self.index_cond, self.recheck_cond, self.tid_cond])

    @property
    def conditions(self) -> str:
        return join_conditions([self.access, self.filter])

    @property
    def calls(self) -> str:
        """The functions that make several rows of one, among others."""
        is_target = self.node_type == "ProjectSet"
        return ", ".join(self.output) if is_target else self.function_call

    @property
    def inputs(self) -> list["Step"]:
        """The steps whose rows it takes: that of its `with` query, but of no other subquery."""
        if self.cte:
            return [self.cte]
        return [step for step in self.plans if step.parent_relationship not in SUBQUERIES]


type Steps = tuple[Step, ...]


def walk_plan(step: Step, above: Steps = ()) -> Iterator[tuple[Step, Steps]]:
    """Yield every step of a plan with those above it, the nearest last."""
    yield step, above
    for part in step.plans:
        yield from walk_plan(part, (*above, step))


def walk_inputs(step: Step) -> Iterator[Step]:
    """Yield a step and those whose rows it is made of, without subqueries."""
    yield step
    for part in step.inputs:
        yield from walk_inputs(part)


def link_subqueries(plan: Step) -> None:
    """Tell each step which of the subqueries it takes rows from, and bitmap scans their table."""
    queries = {step.subplan_name: step for step, _ in walk_plan(plan)}
    for step, above in walk_plan(plan):
        if step.node_type == "CTE Scan":
            step.cte = queries[f"CTE {step.cte_name}"]
        arrays = ARRAY.findall(f"{step.conditions} {step.calls}")
        step.arrays = [queries[name] for name in arrays]
        if step.node_type == "Bitmap Index Scan":
            heap = next(it for it in reversed(above) if it.relation_name)
            step.schema = heap.schema
            step.relation_name = heap.relation_name
            step.alias = heap.alias


def join_conditions(conditions: Iterable[str]) -> str:
    return " AND ".join(filter(None, conditions))


# The arguments of a statement may stay open, but not where it is prepared.
EXPLAIN_FUNCTION = """
create or replace function pg_temp.explain(statement text, options text) returns setof text
language plpgsql as $$
declare line text;
begin
    for line in execute format('explain (generic_plan, %s) %s', options, statement) loop
        return next line;
    end loop;
end $$
"""

EXPLAIN = """
select pg_temp.explain($1, 'verbose, format json')::json #>> '{0, Plan}',
       (select string_agg(line, e'\\n') from pg_temp.explain($1, 'costs') as line)
"""

# What PostgreSQL avoids wherever an index offers a way, as it avoids scans of whole tables: sorts,
# and if that costs more than it saves, joins of whole tables. Where it does it all the same, there
# is no other way.
ATTEMPTS = (
    "set enable_sort = off; set enable_incremental_sort = off;"
    "set enable_hashjoin = on; set enable_mergejoin = on",
    "set enable_sort = on; set enable_incremental_sort = on;"
    "set enable_hashjoin = off; set enable_mergejoin = off",
)


async def explain_statement(connection: asyncpg.Connection, sql: str) -> tuple[Step, str]:
    """Return the plan of a statement that is not run, and the plan as PostgreSQL shows it."""
    await connection.execute(EXPLAIN_FUNCTION)
    row: Any = await connection.fetchrow(EXPLAIN, sql)
    plan = msgspec.json.decode(row[0], type=Step)
    link_subqueries(plan)
    return plan, row[1]
