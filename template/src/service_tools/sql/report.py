# kit: updated by the template; extend it from app.py
"""The plans as one HTML page that needs nothing else: a table, and the SQL and the plan of each statement."""

from collections.abc import Mapping, Sequence
from html import escape

from service_tools.sql import plans
from service_tools.sql.contract import Statement
from service_tools.sql.plans import Node

PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Plans</title><style>
:root {{ color-scheme: light dark }}
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem }}
table {{ border-collapse: collapse; width: 100% }}
th, td {{ text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #8884; vertical-align: top }}
pre {{ background: #8881; padding: .8rem; white-space: pre-wrap; border-radius: .3rem }}
.finding {{ color: #c0392b }}
</style></head>
<body>
<h1>Plans</h1>
<p>How PostgreSQL runs each statement at the sizes in perf/budgets.toml.</p>
<table>
<tr><th>statement</th><th>cost</th><th>rows</th><th>ran</th><th>indexes</th><th>findings</th></tr>
{rows}
</table>
{sections}
</body>
</html>
"""


def render(statements: Sequence[Statement], real: Mapping[str, Node]) -> str:
    """Return the page. `real` has what happened, for the statements that were run."""
    rows = "\n".join(render_row(statement, real.get(statement.name)) for statement in statements)
    sections = "\n".join(render_section(statement, real.get(statement.name)) for statement in statements)
    return PAGE.format(rows=rows, sections=sections)


def render_row(statement: Statement, node: Node | None) -> str:
    plan, name = statement.plan, escape(statement.name)
    cells = [f"{plan['Total Cost']:,.2f}", f"{plan['Plan Rows']:,}"] if plan else ["", ""]
    cells += [f"{node['Actual Total Time']:.2f} ms" if node else "", escape(", ".join(statement.indexes))]
    findings = escape(", ".join(found.rule for found in statement.findings))
    row = "".join(f"<td>{cell}</td>" for cell in cells)
    return f'<tr><td><a href="#{name}">{name}</a></td>{row}<td class="finding">{findings}</td></tr>'


def render_section(statement: Statement, node: Node | None) -> str:
    findings = "".join(f'<p class="finding">{escape(str(found))}</p>' for found in statement.findings)
    drawn = plans.draw(statement.plan, numbers=True) if statement.plan else ["It has no plan."]
    if node:
        drawn += ["", "On the development database:", *plans.draw(node, numbers=True)]
    name, sql, plan = escape(statement.name), escape(statement.query.sql), escape("\n".join(drawn))
    return f'<section><h2 id="{name}">{name}</h2><pre>{sql}</pre>{findings}<pre>{plan}</pre></section>'
