# kit: updated by the template; extend it from app.py
"""Statements and their plans as text, as JSON, and as one HTML page that needs nothing else.

`real` has what happened, by name, for the statements that were run.
"""

from collections.abc import Mapping, Sequence
from html import escape

from service_tools.sql import plans
from service_tools.sql.contract import Statement
from service_tools.sql.plans import Node

type Real = Mapping[str, Node]

PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Plans</title><style>
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem }}
td, th {{ text-align: left; padding: .3rem 1rem .3rem 0; border-bottom: 1px solid #8884; vertical-align: top }}
pre {{ background: #8881; padding: .8rem; white-space: pre-wrap }}
</style></head>
<body>
<h1>Plans</h1>
<p>How PostgreSQL runs each statement at the sizes in perf/budgets.toml.</p>
<table><tr>{heading}</tr>
{rows}
</table>
{sections}
</body>
</html>
"""
COLUMNS = ("statement", "cost", "rows", "ran", "indexes", "findings")


def list_cells(it: Statement, real: Real) -> tuple[str, ...]:
    """Return the texts of a statement's row, by COLUMNS."""
    cost, rows = (f"{it.plan['Total Cost']:,.2f}", f"{it.plan['Plan Rows']:,}") if it.plan else ("", "")
    ran = f"{real[it.name]['Actual Total Time']:.2f} ms" if it.name in real else "no sample" if real else ""
    return it.name, cost, rows, ran, ", ".join(it.indexes), ", ".join(found.rule for found in it.findings)


def tabulate(statements: Sequence[Statement], real: Real) -> list[str]:
    """Return the lines of a table of all statements, with what is wrong below each."""
    width = max((len(it.name) for it in statements), default=0)
    findings = {it.name: [f"    {found}" for found in it.findings] for it in statements}
    lines = []
    for name, cost, rows, ran, indexes, _ in [COLUMNS, *(list_cells(it, real) for it in statements)]:
        measured = f"{ran:>10}  " if real else ""
        lines.append(f"{name:{width}}  {cost:>12}  {rows:>12}  {measured}{indexes}".rstrip())
        lines += findings.get(name, [])
    return lines


def describe(it: Statement, real: Real) -> list[str]:
    """Return the lines about one statement: its SQL, its plan, what is wrong, and how it ran."""
    lines = [it.query.sql, "", *(plans.draw(it.plan, numbers=True) if it.plan else ["It has no plan."])]
    lines += ["", *map(str, it.findings)]
    if node := real.get(it.name):
        lines += ["", "On the development database:", *plans.draw(node, numbers=True)]
    return lines


def render(statements: Sequence[Statement], real: Real) -> str:
    """Return the page."""
    heading = "".join(f"<th>{name}</th>" for name in COLUMNS)
    rows, sections = [], []
    for it in statements:
        name, *cells = map(escape, list_cells(it, real))
        link = f'<td><a href="#{name}">{name}</a></td>'
        rows.append(f"<tr>{link}{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
        sections.append(f'<h2 id="{name}">{name}</h2><pre>{escape("\n".join(describe(it, real)))}</pre>')
    return PAGE.format(heading=heading, rows="\n".join(rows), sections="\n".join(sections))


def to_json(it: Statement, real: Real) -> dict[str, object]:
    plan, node = it.plan or {}, real.get(it.name, {})
    return {
        "name": it.name,
        "sql": it.query.sql,
        "cost": plan.get("Total Cost"),
        "rows": plan.get("Plan Rows"),
        "indexes": it.indexes,
        "findings": [found.__dict__ for found in it.findings],
        "milliseconds": node.get("Actual Total Time"),
    }
