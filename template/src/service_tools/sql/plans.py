# kit: updated by the template; extend it from app.py
"""Plans of statements, as PostgreSQL makes them once for all arguments."""

from collections.abc import Iterator
from typing import Any

import asyncpg
import msgspec


def write_key(name: str) -> str:
    """Return how PostgreSQL writes the name of a field."""
    return name.replace("_", " ").title()


SUBQUERIES = ("InitPlan", "SubPlan")
CTE = "CTE "
"""How the name of a subplan begins that is a `with` query."""


class Step(msgspec.Struct, rename=write_key):
    """One step of a plan, as PostgreSQL writes it in JSON, with the steps that feed it."""

    node_type: str
    total_cost: float
    plan_rows: int
    plans: list["Step"] = []
    relation_name: str = ""
    schema: str = ""
    index_name: str = ""
    index_cond: str = ""
    filter: str = ""
    operation: str = ""
    strategy: str = ""
    sort_key: list[str] = []
    parent_relationship: str = ""
    function_name: str = ""
    subplan_name: str = ""
    cte_name: str = msgspec.field(default="", name="CTE Name")
    cte: "Step | None" = None

    @property
    def inputs(self) -> list["Step"]:
        """The steps whose rows it takes: that of its `with` query, but of no other subquery."""
        if self.cte:
            return [self.cte]
        return [step for step in self.plans if step.parent_relationship not in SUBQUERIES]


class Explained(msgspec.Struct, rename=write_key):
    """What `explain` returns: a plan, and more where PostgreSQL counts statements."""

    plan: Step


type Steps = tuple[Step, ...]


def walk_plan(step: Step, above: Steps = ()) -> Iterator[tuple[Step, Steps]]:
    """Yield every step of a plan with those above it, the nearest last."""
    yield step, above
    for part in step.plans:
        yield from walk_plan(part, (*above, step))


def link_ctes(plan: Step) -> None:
    """Tell each scan of a `with` query where its rows come from."""
    steps = [step for step, _ in walk_plan(plan)]
    queries = {step.subplan_name: step for step in steps if step.subplan_name.startswith(CTE)}
    for step in steps:
        step.cte = queries.get(CTE + step.cte_name)


async def explain_statement(connection: asyncpg.Connection, sql: str) -> tuple[Step | None, str]:
    """Return the plan of a statement that is not run, and the plan as PostgreSQL shows it.

    Return None and "" for one that has no plan, like `analyze`.
    """
    try:
        await connection.execute(f"prepare explained as {sql}")
    except asyncpg.PostgresSyntaxError:  # `prepare` takes what can be planned, and nothing else
        return None, ""
    try:
        prepared = await connection.prepare(sql)
        arguments = ["null"] * len(prepared.get_parameters())
        run = "execute explained"
        if arguments:
            run = f"execute explained ({', '.join(arguments)})"
        found: Any = await connection.fetchval(f"explain (verbose, format json) {run}")
        lines = await connection.fetch(f"explain {run}")
    finally:
        await connection.execute("deallocate explained")
    [explained] = msgspec.json.decode(found, type=list[Explained])
    link_ctes(explained.plan)
    text = "\n".join(line for (line,) in lines)
    return explained.plan, text
