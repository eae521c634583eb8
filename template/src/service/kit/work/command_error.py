# kit: updated by the template; extend it from app.py
"""The error of whoever runs a command."""


class CommandError(Exception):
    """What whoever runs a command has to fix. The message says what and how; it is shown without a
    traceback.
    """
