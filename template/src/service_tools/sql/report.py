# kit: updated by the template; extend it from app.py
"""The plans as one HTML page that needs nothing else: a table, and a tree for each statement."""

from collections.abc import Mapping, Sequence
from html import escape

from service_tools.sql import plans
from service_tools.sql.plans import Node
from service_tools.sql.survey import Entry

STYLE = """
:root { color-scheme: light dark; --line: #8884; --bad: #c0392b; --quiet: #777 }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top }
td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
pre { background: #8881; padding: .8rem; white-space: pre-wrap; border-radius: .3rem }
ul.tree, ul.tree ul { list-style: none; border-left: 2px solid var(--line); padding-left: 1rem; margin: .2rem 0 }
small { color: var(--quiet) }
.finding { color: var(--bad) }
"""


def render(entries: Sequence[Entry], real: Mapping[str, Node]) -> str:
    """Return the page. `real` has what happened, for the statements that were run."""
    rows = "\n".join(render_row(entry, real.get(entry.name)) for entry in entries)
    sections = "\n".join(render_section(entry, real.get(entry.name)) for entry in entries)
    return f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Plans</title><style>{STYLE}</style></head>
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


def render_row(entry: Entry, node: Node | None) -> str:
    """Return a statement's row of the table."""
    numbers = [f"{entry.plan.get('Total Cost'):,.2f}", f"{entry.plan.rows:,}"] if entry.plan else ["", ""]
    numbers.append(f"{node.get('Actual Total Time'):.2f} ms" if node else "")
    cells = "".join(f'<td class="number">{number}</td>' for number in numbers)
    link = f'<a href="#{escape(entry.name)}">{escape(entry.name)}</a>'
    findings = escape(", ".join(found.rule for found in entry.findings))
    indexes = escape(", ".join(entry.indexes))
    return f'<tr><td>{link}</td>{cells}<td>{indexes}</td><td class="finding">{findings}</td></tr>'


def render_section(entry: Entry, node: Node | None) -> str:
    """Return what is known of a statement: SQL, findings, the plan, and how it ran."""
    findings = "".join(f'<p class="finding">{escape(f"{found.detail}. {found.fix}")}</p>' for found in entry.findings)
    plan = f'<ul class="tree">{render_node(entry.plan)}</ul>' if entry.plan else "<p>It has no plan.</p>"
    ran = f'<h3>On the development database</h3><ul class="tree">{render_node(node)}</ul>' if node else ""
    title = f'<h2 id="{escape(entry.name)}">{escape(entry.name)}</h2>'
    return f"<section>{title}<pre>{escape(entry.query.sql)}</pre>{findings}{plan}{ran}</section>"


def render_node(node: Node) -> str:
    """Return a step and those that feed it, as nested list items."""
    title, *details = plans.describe(node)
    numbers = plans.compare(node)
    said = "".join(f"<br><small>{escape(detail)}</small>" for detail in details)
    inputs = f"<ul>{''.join(map(render_node, node.inputs))}</ul>" if node.inputs else ""
    return f"<li><b>{escape(title)}</b> <small>{escape(numbers)}</small>{said}{inputs}</li>"
