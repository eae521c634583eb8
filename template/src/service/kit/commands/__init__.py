# kit: updated by the template; extend it from app.py
"""The subcommands of `service`, one module each: it has the name of its command."""
