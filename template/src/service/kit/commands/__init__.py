# kit: updated by the template; extend it from app.py
"""The subcommands of `service`, one module each."""
