# kit: updated by the template; extend it from app.py
"""The error that ends a command with a message."""


class CommandError(Exception):
    """Something that the user of a command has to fix.

    The message says what and how. It is shown without a traceback.
    """
