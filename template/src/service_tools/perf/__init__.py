# kit: updated by the template
"""Measuring the real service: `commands` has `service perf`, and each command its own module."""
