# kit: updated by the template
"""Load on the real service: `commands` has `service perf`, `scenario` reads what to send, `load` sends it."""
