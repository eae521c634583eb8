# kit: updated by the template; extend it from app.py
"""Statements and their plans, as a report. `real` has what happened, by name, for the statements that were run."""

from collections.abc import Mapping, Sequence
from html import escape

from service_tools.pages import Page
from service_tools.sql import plans
from service_tools.sql.contract import Statement
from service_tools.sql.plans import Node

type Real = Mapping[str, Node]


def show(statements: Sequence[Statement], real: Real, page: Page) -> None:
    """Show all statements in a table, what is wrong with them, and on the page, their plans."""
    titles, rows = ["statement", "cost", "rows", *["ran"] * bool(real), "indexes", "findings"], []
    for it in statements:
        cost, many = (f"{it.plan['Total Cost']:,.2f}", f"{it.plan['Plan Rows']:,}") if it.plan else ("", "")
        ran = [f"{real[it.name]['Actual Total Time']:.2f} ms" if it.name in real else "no sample"] * bool(real)
        rows.append([it.name, cost, many, *ran, ", ".join(it.indexes), ", ".join(found.rule for found in it.findings)])
    page.tabulate(titles, rows, texts=[len(titles) - 2, len(titles) - 1])
    page.say(*(f"{it.name}: {found}" for it in statements for found in it.findings))
    for it in statements:
        page.show(it.name, f"<pre>{escape('\n'.join(describe(it, real)))}</pre>")


def describe(it: Statement, real: Real) -> list[str]:
    """Return the lines about one statement: its SQL, its plan, what is wrong, and how it ran."""
    lines = [it.query.sql, "", *(plans.draw(it.plan, numbers=True) if it.plan else ["It has no plan."])]
    lines += ["", *map(str, it.findings)]
    if node := real.get(it.name):
        lines += ["", "On the development database:", *plans.draw(node, numbers=True)]
    return lines
