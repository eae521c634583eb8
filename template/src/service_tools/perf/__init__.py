# kit: updated by the template
"""Measuring the real service: `commands` has `service perf`, and each of its commands has a module
of its name.
"""
