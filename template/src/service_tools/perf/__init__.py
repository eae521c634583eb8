# kit: updated by the template
"""Measures the real service. `commands` has `service perf`; each subcommand has its own module."""
